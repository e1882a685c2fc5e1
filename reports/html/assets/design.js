"use strict";
// The chosen design: its metrics against the specs, its decisions, and its schedule where there is one.

class DesignPanel {
  constructor(page, place, data, items) {
    Object.assign(this, { page, data, items });
    this.input = element("input", { type: "number", min: 1, max: items.length, "aria-label": "Number of a design" });
    this.input.addEventListener("change", () => {
      const item = Number(this.input.value) - 1;
      if (Number.isInteger(item) && item in items) choose(page, item);
    });
    const best = element("select", { "aria-label": "Designs with a schedule" });
    best.append(element("option", { value: "" }, "best designs …"));
    for (const [item, why] of Object.entries(data.why)) {
      const words = `${items[item]}: ${why}${item in data.schedules ? ", with schedule" : ""}`;
      best.append(element("option", { value: item }, words));
    }
    best.addEventListener("change", () => { if (best.value) choose(page, Number(best.value)); });
    this.best = best;
    this.shown = element("div", { class: "shown" });
    place.append(element("div", { class: "choose" }, element("label", {}, "design ", this.input), best), this.shown);
    page.addEventListener("choose", (event) => this.show(event.detail));
    this.line = page.querySelector("[data-figure=parallel]");
    this.line?.addEventListener("drawn", () => this.draw(this.item));
  }

  show(item) {
    if (!(item in this.items)) return;
    this.item = item;
    this.input.value = item + 1;
    this.best.value = item in this.data.why ? String(item) : "";
    const heading = element("h4", {}, this.items[item] + (this.data.why[item] ? `: ${this.data.why[item]}` : ""));
    const parts = [element("div", { class: "pair" }, this.metrics(item), this.decisions(item))];
    if (this.data.notes[item]) parts.unshift(element("p", {}, this.data.notes[item]));
    this.shown.replaceChildren(heading, ...parts, this.command(item));
    this.schedule(item);
    this.draw(item);
  }

  metrics(item) {
    const checked = this.data.checked[item];
    const columns = ["metric", "found", "spec", "of it", ...(checked ? ["executed"] : [])];
    const executed = { latency: checked?.[1], energy: checked?.[2], area: checked?.[3] };
    const rows = this.data.axes.map((axis) => {
      const value = this.data.values[axis.key][item];
      const share = axis.spec && value !== null ? value / axis.spec : null;
      const label = axis.unit === "cycles" ? `${axis.label} (cycles)` : axis.label;
      const cells = [label, show(value, axis.unit), show(axis.spec, axis.unit), show(share, "share")];
      if (checked) cells.push(show(executed[axis.key], axis.unit));
      const mark = share === null ? "" : share <= 1 ? " met" : " missed";
      return [cells, mark];
    });
    this.data.networks.forEach((name, n) => {
      const value = this.data.accuracies[n][item];
      if (value !== null) rows.push([[`accuracy of ${name}`, show(value, "accuracy"), "-", "-", ...(checked ? ["-"] : [])], ""]);
    });
    const verdict = checked ? element("p", { class: "faint" }, checked[0]
      ? "Confirmed: mapped anew and executed cycle by cycle, it meets the specs."
      : "Refused: mapped anew and executed cycle by cycle, it misses the specs.") : "";
    return element("div", {}, element("div", { class: "scroll-x" }, table(columns, rows)), verdict);
  }

  decisions(item) {
    const rows = this.data.parameters.map((one) => [[one.name, one.codes[item] < 0 ? "-" : one.values[one.codes[item]]], one.varies ? "" : " faint"]);
    const made = element("div", { class: "scroll-x" }, table(["decision", "value"], rows, true));
    return made;
  }

  command(item) {
    const [before, after] = this.data.command;
    return element("pre", { class: "nest listing" }, `${before}${item + 1}${after}`);
  }

  schedule(item) {
    const found = this.data.schedules[item];
    if (!found) {
      const fault = this.data.faults[item];
      const words = fault ? `It could not be simulated again: ${fault}` : "No schedule in this file; the command above makes it.";
      this.shown.append(element("p", { class: "faint" }, words));
      return;
    }
    const facts = table(["simulated again", ""], found.facts.map((row) => [row, ""]));
    const arrays = table(["sub-accelerator", "runs", "busy", "energy"], found.arrays.map((row) => [row, ""]), true);
    const place = element("div", { class: "chart schedule" });
    place.style.height = `${found.figure.layout.height}px`;
    this.shown.append(
      element("h4", {}, "Schedule"),
      element("div", { class: "scroll-x" }, place),
      element("div", { class: "pair" }, element("div", { class: "scroll-x" }, facts), element("div", { class: "scroll-x" }, arrays)),
    );
    this.place = place;
    const { data, layout } = structuredClone(found.figure);
    const draw = () => Plotly.newPlot(place, data, { ...layout, template: themes[currentTheme()], margin: { ...layout.margin, r: 40 } }, PLOTLY);
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting) || place.dataset.drawn) return;
      place.dataset.drawn = "yes";
      watch.disconnect();
      draw();
    }, { rootMargin: "200px" });
    watch.observe(place);
    this.drawNow = () => { if (!place.dataset.drawn) { place.dataset.drawn = "yes"; watch.disconnect(); draw(); } };
  }

  drawAll() {
    this.drawNow?.();
  }

  relayout(change) {
    if (this.place?.dataset.drawn && this.place.isConnected) Plotly.relayout(this.place, change);
  }

  // The line of the chosen design through all decisions and metrics.
  draw(item) {
    if (!this.line?.dataset.drawn || item === undefined) return;
    const place = this.line.data.findIndex((trace) => trace.meta?.role === "chosen");
    const x = this.data.parameters.filter((one) => one.varies).map((one) => {
      const code = one.codes[item];
      return code < 0 ? -0.04 : code / Math.max(1, one.values.length - 1);
    });
    for (const axis of this.data.axes) {
      const place = (value) => (axis.log ? Math.log(value) : value);
      const known = this.data.values[axis.key].filter((value) => value !== null).map(place);
      const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
      const value = this.data.values[axis.key][item];
      x.push(value === null ? null : (place(value) - low) / (high - low || 1));
    }
    Plotly.restyle(this.line, { x: [x], y: [x.map((_, n) => n)], customdata: [x.map(() => item)], hovertext: [x.map(() => this.items[item])] }, [place]);
  }
}

// Rows are [cells, class]; the first column is text, the others too where `text`.
function table(columns, rows, text = false) {
  const side = (n) => (n === 0 || text ? "text" : "number");
  const head = element("tr", {}, ...columns.map((name, n) => element("th", { scope: "col", class: side(n) }, name)));
  const body = rows.map(([cells, mark]) =>
    element("tr", { class: mark.trim() }, ...cells.map((cell, n) => element("td", { class: side(n) }, cell))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}
