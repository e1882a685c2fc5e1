"use strict";
// Metrics along the axes of a figure, as the reader chooses them; the front is found anew for them.

class AxesChooser {
  constructor(figures, place, data) {
    Object.assign(this, { figures, data });
    this.figure = figures.page.querySelector(`[data-figure="${place.dataset.axes}"]`);
    this.traces = figures.data.figures[place.dataset.axes].data;
    const names = [["across", 0, false], ["up", 1, false], ...(data.colour ? [["colour", 2, true]] : [])];
    this.selects = names.map(([label, n, free]) => {
      const select = element("select", { "aria-label": `Metric ${label}` });
      if (free) select.append(element("option", { value: "" }, "none"));
      select.append(...data.choices.map((axis) => element("option", { value: axis.key }, axis.title)));
      select.value = data.shown[n];
      select.addEventListener("change", () => this.change());
      place.append(element("label", {}, `${label} `, select));
      return select;
    });
    figures.page.addEventListener("choose", (event) => this.choose(event.detail));
    this.figure.addEventListener("drawn", () => this.choose(this.chosen));
  }

  // The chosen axes; undefined where there is none.
  axes() {
    return this.selects.map((select) => this.data.choices.find((axis) => axis.key === select.value));
  }

  value(axis, item) {
    const value = this.data.values[axis.key][item];
    return value === null || value === undefined ? null : value * axis.factor;
  }

  choose(item) {
    this.chosen = item;
    const place = this.traces.findIndex((trace) => trace.meta?.role === "chosen");
    if (place < 0 || item === undefined || !this.figure.dataset.drawn) return;
    const [x, y] = this.axes().map((axis) => axis && [this.value(axis, item)]);
    Plotly.restyle(this.figure, { x: [x], y: [y], customdata: [[item]], hovertext: [[this.figures.hint(item)]] }, [place]);
  }

  change() {
    this.figures.draw(this.figure);
    const [across, up, colour] = this.axes();
    const fronts = new Map();
    const traces = this.figure.data.map((trace) => {
      const { role, group = 0, axis } = trace.meta ?? {};
      if (role === "spec") return this.spec(trace, axis === 1 ? up : across, axis === 1);
      let items = [...(trace.customdata ?? [])];
      if (role === "open") fronts.set(group, front(items, this.axes().filter(Boolean), this.data.values));
      if (role === "front") items = fronts.get(group) ?? [];
      if (role === "front") items.sort((a, b) => this.value(across, a) - this.value(across, b));
      return {
        ...trace,
        x: items.map((item) => this.value(across, item)),
        y: items.map((item) => this.value(up, item)),
        customdata: items,
        hovertext: items.map((item) => this.figures.hint(item)),
        ...(role === "front" && this.data.colour ? this.coloured(trace, items, colour) : {}),
      };
    });
    const layout = { ...this.figure.layout };
    for (const [name, axis] of [["xaxis", across], ["yaxis", up]]) {
      const plain = axis.key === "accuracy" || axis.unit === "mm²";
      layout[name] = { ...layout[name], type: axis.log ? "log" : "linear", title: { ...layout[name].title, text: axis.title }, tickformat: plain ? "~r" : "~s", ticksuffix: axis.unit === "pJ" ? "J" : "", autorange: true };
    }
    Plotly.react(this.figure, traces, layout);
    this.choose(this.chosen);
  }

  spec(trace, axis, turned) {
    const place = axis.spec === null ? null : axis.spec * axis.factor;
    const at = [place, place];
    return { ...trace, name: `spec: ${axis.label}`, visible: place !== null, [turned ? "y" : "x"]: at };
  }

  // A front over three metrics is no line; its third metric is the marks' colour, dark to light.
  coloured(trace, items, axis) {
    this.plain ??= structuredClone(trace.marker);
    if (!axis) return { mode: "lines+markers", marker: this.plain };
    const colorbar = { title: { text: axis.title, side: "right" }, thickness: 12, tickformat: axis.key === "accuracy" ? "~r" : "~s" };
    const color = items.map((item) => this.value(axis, item));
    return { mode: "markers", marker: { ...this.plain, size: 11, color, colorscale: "Cividis", showscale: true, colorbar } };
  }
}

// Items that no other beats in one metric without being worse in another; of equal ones the first.
function front(items, axes, values) {
  const sides = axes.map((axis) => [values[axis.key], axis.maximise ? -1 : 1]);
  const costs = (item) => sides.map(([column, sign]) => column[item] === null ? null : sign * column[item]);
  const points = items.map((item) => [item, costs(item)]).filter(([, cost]) => !cost.includes(null));
  points.sort(([a, p], [b, q]) => {
    const n = p.findIndex((value, place) => value !== q[place]);
    return n < 0 ? a - b : p[n] - q[n];
  });
  const kept = []; // whoever beats a point comes before it
  for (const [item, cost] of points) {
    if (!kept.some(([, other]) => other.every((value, n) => value <= cost[n]))) kept.push([item, cost]);
  }
  return kept.map(([item]) => item);
}
