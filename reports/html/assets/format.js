"use strict";
// Numbers as people read them: the twin of reports/units.py and of SHOWN in reports/document.py.

const SI = ["a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];

function threeDigits(value) {
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

function si(value, unit = "") {
  if (value === 0 || !Number.isFinite(value)) return `${value} ${unit}`.trim();
  let power = Math.min(Math.max(Math.floor(Math.log10(Math.abs(value)) / 3), -6), 6);
  let number = threeDigits(value / 1000 ** power);
  if (number === "1000" && power < 6) [power, number] = [power + 1, "1.00"];
  if (power === 0 && Number.isInteger(value)) number = String(value);
  return `${number} ${SI[power + 6]}${unit}`.trim();
}

function binary(size) {
  let power = 0;
  while (size >= 1024 && power < BINARY.length - 1) [size, power] = [size / 1024, power + 1];
  return `${power === 0 ? Math.ceil(size) : threeDigits(size)} ${BINARY[power]}B`;
}

function percent(share) {
  if (share <= 0) return "0%";
  if (share < 0.01) return "<1%";
  return share > 0.99 && share < 1 ? ">99%" : `${Math.round(share * 100)}%`;
}

const SHOWN = {
  pJ: (value) => si(value * 1e-12, "J"),
  B: binary,
  share: percent,
  x: (value) => `${Number(value.toPrecision(3))}×`,
  cycles: (value) => si(value),
  "pJ·cycles": (value) => si(value * 1e-12, "J·cycles"),
  "#": (value) => value.toFixed(0),
  accuracy: (value) => value.toFixed(4),
  ratio: (value) => value.toFixed(3),
  "mm²": (value) => `${Number(value.toPrecision(3))} mm²`,
  "TOPS/W": (value) => `${Number(value.toPrecision(3))} TOPS/W`,
};

function show(value, unit) {
  if (value === null || value === undefined) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  return unit in SHOWN ? SHOWN[unit](value) : si(value, unit);
}

// An element with text or children; names come in as text and never as markup.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
