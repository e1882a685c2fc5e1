"use strict";
// Puts the page together: tabs, theme, figures, tables and panels, and the chosen item.

const PANELS = { mapping: MappingPanel, design: DesignPanel };
const started = [];

function choose(page, item, go = false) {
  page.dispatchEvent(new CustomEvent("choose", { detail: item }));
  const behavior = window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (go) page.querySelector(".panel")?.scrollIntoView({ behavior, block: "nearest" });
}

// The data of a page; a long one is compressed, and takes a moment.
async function dataOf(page) {
  const place = document.getElementById(`data-${page.id}`);
  if (place.dataset.packing !== "gzip") return JSON.parse(place.textContent);
  const bytes = Uint8Array.from(atob(place.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function start(page) {
  const data = await dataOf(page);
  const figures = new Figures(page, data);
  started.push(figures);
  for (const place of page.querySelectorAll("[data-axes]")) new AxesChooser(figures, place, data.axes[place.dataset.axes]);
  for (const place of page.querySelectorAll("[data-table]")) new LargeTable(page, place, data.tables[place.dataset.table]);
  for (const place of page.querySelectorAll("[data-panel]")) {
    const kind = place.dataset.panel;
    const panel = new PANELS[kind](page, place, data.panels[kind], data.items);
    if (panel.relayout) started.push(panel);
  }
  if (data.items.length) choose(page, data.first >= 0 ? data.first : costliest(data));
}

// The item that the first table puts on top.
function costliest(data) {
  const table = Object.values(data.tables)[0];
  const by = table?.columns.findIndex((column) => column.key === table.order) ?? -1;
  if (by < 0) return 0;
  return table.values[by].reduce((best, value, n, all) => (value > all[best] ? n : best), 0);
}

const pages = [...document.querySelectorAll(".page")];
const tabs = [...document.querySelectorAll(".tabs button")];

function open(key) {
  for (const page of pages) page.hidden = page.id !== key;
  for (const tab of tabs) tab.toggleAttribute("aria-current", false);
  tabs.find((tab) => tab.dataset.page === key)?.setAttribute("aria-current", "page");
}

function pageOf(hash) {
  return pages.find((page) => hash === `#${page.id}` || hash.startsWith(`#${page.id}-`)) ?? pages[0];
}

for (const tab of tabs) tab.addEventListener("click", () => { open(tab.dataset.page); window.scrollTo(0, 0); });

// -- theme: the system's, until the button says otherwise ------------------------------------------
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const figures of started) figures.relayout({ template: themes[theme] });
}

setTheme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => setTheme(currentTheme() === "dark" ? "light" : "dark"));

// -- print: light, every page, every figure, as wide as paper -----------------------------------------
const PAPER = 680;
let screen_ = null;

window.addEventListener("beforeprint", () => {
  screen_ = { theme: currentTheme(), page: pages.find((page) => !page.hidden)?.id };
  for (const page of pages) page.hidden = false;
  for (const figures of started) figures.drawAll();
  setTheme("light");
  for (const figures of started) figures.relayout({ width: PAPER });
});
window.addEventListener("afterprint", () => {
  for (const figures of started) figures.relayout({ width: null, autosize: true });
  open(screen_.page);
  setTheme(screen_.theme);
});

// -- start: the page that is asked for first ---------------------------------------------------------
const first = pageOf(window.location.hash);
open(first.id);
const ready = start(first).then(() => Promise.all(pages.filter((page) => page !== first).map(start)));
