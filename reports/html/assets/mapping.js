"use strict";
// The mapping of the chosen layer: a loop nest to read, and pictures of what each memory holds.

const OPERAND = { W: "weights", I: "inputs", O: "outputs" };
const SVG = "http://www.w3.org/2000/svg";
const SHADES = [0.16, 0.34, 0.52, 0.7, 0.86, 1];

class MappingPanel {
  constructor(page, place, data, items) {
    Object.assign(this, { data, items });
    this.select = element("select", { "aria-label": "Layer" });
    this.select.append(...items.map((name, n) => element("option", { value: n }, name)));
    this.select.addEventListener("change", () => choose(page, Number(this.select.value)));
    const step = (by) => choose(page, Math.max(0, Math.min(items.length - 1, Number(this.select.value) + by)));
    const back = element("button", { type: "button", title: "The layer before" }, "‹");
    const on = element("button", { type: "button", title: "The next layer" }, "›");
    back.addEventListener("click", () => step(-1));
    on.addEventListener("click", () => step(1));
    this.shown = element("div", { class: "shown" });
    place.append(element("div", { class: "choose" }, back, on, this.select), this.shown);
    page.addEventListener("choose", (event) => this.show(event.detail));
  }

  show(item) {
    const layer = this.data.layers[item];
    if (!layer) return;
    this.select.value = item;
    const heading = element("p", { class: "faint" }, `${this.items[item]} on ${layer.on}${layer.note ? `: ${layer.note}` : ""}`);
    this.shown.replaceChildren(heading);
    if ("m" in layer) {
      const mapping = this.data.mappings[layer.m];
      const memories = this.data.memories[layer.on] ?? [];
      this.shown.append(
        element("div", { class: "mapping" }, nest(mapping, memories), element("div", {}, operands(mapping), stores(mapping, memories))),
      );
    } else if (layer.words) {
      this.shown.append(element("pre", { class: "nest" }, layer.words));
    } else {
      this.shown.append(element("p", {}, layer.kind === "compute"
        ? "No mapping: the roofline bounds what any mapping can do."
        : `No loop nest to map: a ${layer.kind} layer streams its data through the chip.`));
    }
  }
}

function sizes(tile) {
  return Object.entries(tile[5]).map(([dim, size]) => dim + size).join(" ") || "one element";
}

function bits(count) {
  return count % 8 || count < 8 ? `${count} bit` : binary(count / 8);
}

// Loops from the outermost to what one PE does; a memory's line stands where its tiles change.
function nest(mapping, memories) {
  const made = element("pre", { class: "nest" });
  const loops = mapping.time;
  let depth = 0;
  const line = (...parts) => made.append("  ".repeat(depth), ...parts, "\n");
  for (let inside = loops.length; inside >= 0; inside--) {
    const held = new Map();
    for (const tile of mapping.tiles) {
      if (tile[2] === inside) held.set(tile[0], [...(held.get(tile[0]) ?? []), tile]);
    }
    for (const [memory, tiles] of held) {
      const parts = tiles.flatMap((tile) => [
        " ", element("span", { class: `tag ${tile[1]}` }, tile[1]), ` ${bits(tile[3])}${tile[4] ? " ×2" : ""}`,
      ]);
      line(element("span", { class: "memory" }, memory), ...parts);
    }
    if (inside > 0) {
      const [dim, factor] = loops[loops.length - inside];
      line("for ", element("span", { class: "dim" }, dim.toLowerCase()), " in ", String(factor));
      depth += 1;
    }
  }
  const space = new Map();
  for (const [axis, dim, factor] of mapping.space) space.set(axis, [...(space.get(axis) ?? []), dim + factor]);
  for (const [axis, dims] of space) {
    line("in parallel along ", axis, ": ", element("span", { class: "dim" }, dims.join(" × ")));
    depth += 1;
  }
  line("multiply-accumulate");
  const doubled = mapping.tiles.some((tile) => tile[4]) ? " ×2: a second buffer takes the next tile." : "";
  const reloads = mapping.reload ? " Tiles are fetched anew in every iteration." : "";
  const words = `A memory stands where its tiles change; sizes are of one instance.${doubled}${reloads}`;
  return element("div", {}, made, element("p", { class: "caption" }, words));
}

// For each operand its tiles inside one another. Channels go down, positions across.
function operands(mapping) {
  const made = element("div", { class: "tiles" }, element("h4", {}, "Tiles of each operand"));
  const grid = element("div", { class: "operands" });
  for (const operand of ["W", "I", "O"]) {
    const tiles = mapping.tiles.filter((tile) => tile[1] === operand);
    if (!tiles.length) continue;
    const list = element("ol");
    tiles.forEach((tile, level) => {
      const key = element("span");
      key.style.background = shade(operand, level);
      list.append(element("li", {}, key, element("span", {}, `${tile[0]}: ${sizes(tile)}, ${bits(tile[3])}${tile[4] ? " ×2" : ""}`)));
    });
    const heading = element("div", {}, element("span", { class: `tag ${operand}` }, operand), ` ${OPERAND[operand]}`);
    grid.append(element("div", {}, heading, picture(operand, tiles), list));
  }
  made.append(grid, element("p", { class: "caption" }, "Down: channels, batch and groups; across: positions or filter taps and input channels. Sides are logarithmic."));
  return made;
}

function shade(operand, level) {
  const share = SHADES[Math.min(level, SHADES.length - 1)] * 100;
  return `color-mix(in srgb, var(--${operand}) ${share}%, var(--card))`;
}

function picture(operand, tiles) {
  const down = { W: ["G", "K"], I: ["B", "G", "C"], O: ["B", "G", "K"] }[operand];
  const spans = tiles.map((tile) => {
    let [height, width] = [1, 1];
    for (const [dim, size] of Object.entries(tile[5])) {
      if (down.includes(dim)) height *= size; else width *= size;
    }
    return [Math.log2(1 + width), Math.log2(1 + height)];
  });
  const [most, deep] = spans[0];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 200 120");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `tiles of the ${OPERAND[operand]}`);
  spans.forEach(([width, height], level) => {
    const rect = document.createElementNS(SVG, "rect");
    const place = { x: 1, y: 1, width: 198 * Math.min(1, width / most), height: 118 * Math.min(1, height / deep) };
    for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
    rect.style.fill = shade(operand, level);
    rect.style.stroke = "var(--text)";
    svg.append(rect);
  });
  return svg;
}

// How full each memory is: the tiles, their second buffers, and what is left.
function stores(mapping, memories) {
  const made = element("div", { class: "stores" });
  const bounded = memories.filter((memory) => memory.bits !== null);
  if (bounded.length) made.append(element("h4", {}, "What one instance of each memory holds"));
  for (const memory of bounded) {
    const tiles = mapping.tiles.filter((tile) => tile[0] === memory.name);
    const used = tiles.reduce((sum, tile) => sum + tile[3] * (tile[4] ? 2 : 1), 0);
    const room = element("div", { class: "room" });
    for (const tile of tiles) {
      for (const kind of tile[4] ? ["", "second"] : [""]) {
        const part = element("span", { class: `key ${tile[1]} ${kind}`, title: `${OPERAND[tile[1]]} ${bits(tile[3])}` });
        part.style.width = `${(100 * tile[3]) / Math.max(memory.bits, used)}%`;
        room.append(part);
      }
    }
    const times = memory.instances > 1 ? ` (${memory.instances} of them)` : "";
    const words = `${memory.name}${times}: ${bits(used)} of ${bits(memory.bits)}, ${percent(used / memory.bits)}`;
    made.append(element("div", { class: "store" }, element("div", {}, words), room));
  }
  if (bounded.length) made.append(element("p", { class: "caption" }, "Orange W, blue I, green O; hatched: the second buffer."));
  return made;
}
