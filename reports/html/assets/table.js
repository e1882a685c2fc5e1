"use strict";
// A large table: sorted by a click on a heading, filtered by what is typed, a page at a time.

class LargeTable {
  static ROWS = 25;

  constructor(page, place, data) {
    Object.assign(this, { page, data, start: 0, filter: "", chosen: -1 });
    this.rows = data.values[0]?.length ?? 0;
    this.by = data.columns.findIndex((column) => column.key === data.order);
    this.down = !data.rises;
    this.input = element("input", { type: "search", placeholder: "filter", "aria-label": "Filter the table" });
    this.input.addEventListener("input", () => this.update({ filter: this.input.value.toLowerCase(), start: 0 }));
    this.back = this.button("‹", "Earlier rows", () => this.update({ start: this.start - LargeTable.ROWS }));
    this.on = this.button("›", "Later rows", () => this.update({ start: this.start + LargeTable.ROWS }));
    this.plain = this.button("in order", "In the order in which they run", () => this.update({ by: -1, start: 0 }));
    this.where = element("span", { class: "where" });
    this.head = element("tr");
    this.body = element("tbody");
    const table = element("table", {}, element("thead", {}, this.head), this.body);
    place.append(
      element("div", { class: "controls" }, this.input, this.back, this.on, this.plain, this.where),
      element("div", { class: "scroll-x" }, table),
    );
    page.addEventListener("choose", (event) => this.update({ chosen: event.detail }));
    this.update({});
  }

  button(text, hint, act) {
    const made = element("button", { type: "button", title: hint }, text);
    made.addEventListener("click", act);
    return made;
  }

  update(change) {
    Object.assign(this, change);
    const order = this.order();
    this.start = Math.max(0, Math.min(this.start, order.length - 1));
    this.start -= this.start % LargeTable.ROWS;
    const shown = order.slice(this.start, this.start + LargeTable.ROWS);
    const last = this.start + shown.length;
    this.where.textContent = order.length ? `${this.start + 1} to ${last} of ${order.length}` : "nothing found";
    this.back.disabled = this.start === 0;
    this.on.disabled = last >= order.length;
    this.head.replaceChildren(...this.data.columns.map((column, n) => this.heading(column, n)));
    this.body.replaceChildren(...shown.map((row) => this.row(row)));
  }

  // Numbers of the rows that the filter leaves, sorted.
  order() {
    const words = this.data.columns.map((_, n) => n).filter((n) => this.isText(n));
    let rows = [...Array(this.rows).keys()];
    if (this.filter) {
      rows = rows.filter((row) => words.some((n) => String(this.data.values[n][row]).toLowerCase().includes(this.filter)));
    }
    if (this.by < 0) return rows;
    const values = this.data.values[this.by];
    const compare = this.isText(this.by)
      ? (a, b) => String(values[a]).localeCompare(String(values[b]))
      : (a, b) => (values[a] ?? -1) - (values[b] ?? -1);
    return rows.sort((a, b) => (this.down ? -compare(a, b) : compare(a, b)));
  }

  isText(n) {
    return this.data.values[n]?.some((value) => typeof value === "string") ?? false;
  }

  heading(column, n) {
    const arrow = n === this.by ? (this.down ? " ▾" : " ▴") : "";
    const sort = element("button", { type: "button" }, column.label + arrow);
    sort.addEventListener("click", () => this.update({ down: n === this.by ? !this.down : !this.isText(n), by: n, start: 0 }));
    return element("th", { scope: "col", class: this.isText(n) ? "text" : "number" }, sort);
  }

  row(row) {
    const made = element("tr", { "data-item": row, class: row === this.chosen ? "chosen" : "" });
    this.data.columns.forEach((column, n) => {
      const value = this.data.values[n][row];
      const text = show(value, column.unit);
      made.append(element("td", { class: this.isText(n) ? "text" : "number", title: text }, text));
    });
    made.addEventListener("click", () => choose(this.page, row, true));
    return made;
  }
}
