"use strict";
// Figures: drawn when they come into view, in the theme of the page; a click chooses an item.

const PLOTLY = {
  responsive: true, displaylogo: false, doubleClick: "reset", displayModeBar: "hover",
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};
const themes = JSON.parse(document.getElementById("themes").textContent);

function currentTheme() {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

// Plotly takes a little markup in its labels; a name is none.
function escaped(name) {
  return name.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

class Figures {
  static PAPER = 3000; // pixels of a figure that print at most (style.css)

  constructor(page, data) {
    this.page = page;
    this.data = data;
    this.places = [...page.querySelectorAll("[data-figure]")];
    this.watch = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.draw(entry.target);
    }, { rootMargin: "200px" });
    for (const place of this.places) {
      const { height } = this.data.figures[place.dataset.figure].layout;
      place.style.height = `${height}px`;
      if (height > Figures.PAPER) place.closest("figure").classList.add("long");
      this.watch.observe(place);
    }
  }

  draw(place) {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    this.watch.unobserve(place);
    const figure = this.data.figures[place.dataset.figure];
    for (const trace of figure.data) this.describe(trace);
    const zooms = "zooms" in place.dataset;
    const layout = { ...figure.layout, template: themes[currentTheme()], ...(zooms ? {} : { dragmode: false }) };
    if (zooms) layout.margin = { ...layout.margin, r: 40 }; // where the buttons are
    Plotly.newPlot(place, figure.data, layout, zooms ? PLOTLY : { ...PLOTLY, displayModeBar: false });
    place.dispatchEvent(new CustomEvent("drawn"));
    place.on("plotly_click", (event) => {
      const item = event.points[0]?.customdata;
      if (Number.isInteger(item)) choose(this.page, item, true);
    });
  }

  // Marks of an item show what the page's table says of it.
  describe(trace) {
    if (trace.hovertemplate !== "%{hovertext}<extra></extra>" || trace.hovertext) return;
    this.hints ??= new Map();
    const items = trace.customdata?.bdata ? decoded(trace.customdata) : trace.customdata ?? [];
    trace.customdata = items;
    trace.hovertext = Array.from(items, (item) => {
      if (!this.hints.has(item)) this.hints.set(item, this.hint(item));
      return this.hints.get(item);
    });
  }

  hint(item) {
    const table = Object.values(this.data.tables)[0] ?? Object.values(this.data.axes).map(tableOf)[0];
    const lines = [`<b>${escaped(this.data.items[item] ?? "")}</b>`];
    table?.columns.forEach((column, n) => {
      const value = table.values[n][item];
      if (n === 0 || value === null || value === "") return;
      lines.push(`${escaped(column.label)}: ${escaped(show(value, column.unit))}`);
    });
    return lines.join("<br>");
  }

  drawAll() {
    for (const place of this.places) this.draw(place);
  }

  // A new theme or width for what is drawn.
  relayout(change) {
    for (const place of this.places) if (place.dataset.drawn) Plotly.relayout(place, change);
  }
}

// Values along axes as a table with a row per item.
function tableOf(axes) {
  return {
    columns: [{ label: "", unit: "" }, ...axes.choices],
    values: [[], ...axes.choices.map((axis) => axes.values[axis.key])],
  };
}

// Numbers that plotly's Python side packed.
function decoded(packed) {
  const kinds = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array, f8: Float64Array };
  const bytes = Uint8Array.from(atob(packed.bdata), (c) => c.charCodeAt(0));
  return Array.from(new kinds[packed.dtype](bytes.buffer));
}
