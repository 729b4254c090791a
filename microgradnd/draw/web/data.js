// What the page knows, what its reader has chosen, and how numbers are written.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const nodes = new Map(data.nodes.map((node) => [node.key, node]));
const groups = new Map(data.groups.map((group) => [group.key, group]));
const all = new Map([...nodes, ...data.boxes.map((box) => [box.key, box]), ...groups]);
const turnOf = new Map(data.forward.map((key, i) => [key, i + 1])); // forward steps count from 1
const seeding = data.forward.length + 1; // the step at which the backward pass begins
const lastStep = data.backward.length ? seeding + data.backward.length : data.forward.length;
const COLOURS = 6;
const READABLE = 0.7; // the least scale at which a page begins

const state = {
  open: new Set(data.groups.filter((group) => group.open).map((group) => group.key)),
  down: data.direction === "TB",
  step: null, // none: everything is shown
  chosen: null,
  focus: null,
  paths: null,
  view: { x: 0, y: 0, scale: 1 },
};
let scene; // the items that are drawn, by key, and the edges between them

// ---- numbers as text -------------------------------------------------------------------------------

function written(value, digits = 4) {
  if (typeof value !== "number") return String(value).replace("-", "−").replace("inf", "∞");
  let text = value.toPrecision(digits);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) text = String(value);
  else if (size && (size < 1e-4 || size >= 10 ** digits))
    text = value
      .toExponential(digits - 1)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  else if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return text.replaceAll("-", "−");
}

const shaped = (shape) => (shape.length ? shape.join(" × ") : "scalar");

function short(array) {
  if (array.entries && !array.shape.length) return written(array.entries[0]);
  if (array.entries && array.entries.length <= 4)
    return nested(
      array.entries.map((entry) => written(entry, 3)),
      array.shape,
    );
  if (array.mean !== undefined)
    return array.low === array.high
      ? `all ${written(array.mean, 3)}`
      : `${written(array.mean, 3)} ± ${written(array.spread, 3)}`;
  if (array.entries?.length)
    return `${array.entries
      .slice(0, 3)
      .map((entry) => written(entry, 3))
      .join(", ")}, …`;
  return "";
}

function nested(texts, shape) {
  if (shape.length <= 1) return `[${texts.join(", ")}]`;
  const size = texts.length / shape[0];
  return `[${Array.from({ length: shape[0] }, (_, i) => nested(texts.slice(i * size, (i + 1) * size), shape.slice(1))).join(", ")}]`;
}

function indexOf(place, shape) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(place % size);
    place = Math.floor(place / size);
  }
  return index;
}

const bracketed = (place, shape) => (shape.length ? `[${indexOf(place, shape).join(",")}]` : "");
const slopeName = (node) => `∂${data.of}/∂${node.symbol}`;
const fullName = (node) => (node.name?.includes(".") ? node.name : ""); // W is the symbol of many
const nameOf = (node) => (node.formula ? `${node.symbol} = ${node.formula}` : node.symbol);

// ---- elements --------------------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

// A number, with all its digits for whoever asks.
const number = (value, digits) => element("data", { value }, written(value, digits));

// An array: its entries in rows, or what is known of them.
function arrayView(array, part) {
  const view = element("div", { class: "array", "data-part": part });
  const { shape, entries } = array;
  if (entries) {
    const columns =
      shape.length > 1 ? shape[shape.length - 1] : shape.length && shape[0] > 8 ? 8 : 1;
    const texts = entries.map((entry) => written(entry, entries.length > 1 ? 5 : 7));
    const width = Math.max(...texts.map((text) => text.length));
    const grid = element("div", { class: "numbers" });
    if (entries.length > 24)
      for (const [key, value] of [
        ["tabindex", 0],
        ["role", "group"],
        ["aria-label", "entries"],
      ])
        grid.setAttribute(key, value);
    entries.forEach((entry, i) => {
      const end = i === entries.length - 1 ? "" : (i + 1) % columns ? "  " : "\n";
      grid.append(
        " ".repeat(width - texts[i].length),
        element("data", { value: entry }, texts[i]),
        end,
      );
    });
    view.append(grid);
  }
  if (array.mean !== undefined) {
    view.append(
      element(
        "div",
        {},
        `mean ${written(array.mean)} ± ${written(array.spread)}, from ${written(array.low)} to ${written(array.high)}, norm ${written(array.norm)}`,
      ),
    );
    if (array.histogram.length) view.append(histogram(array));
  }
  if (array.first)
    view.append(
      element(
        "div",
        { class: "faint" },
        `first entries: ${array.first.map((entry) => written(entry)).join(", ")}, …`,
      ),
    );
  if (array.notFinite) view.append(element("div", {}, `${array.notFinite} not finite`));
  if (!entries && array.mean === undefined)
    view.append(element("div", { class: "faint" }, `${shaped(shape)} ${array.dtype}`));
  return view;
}

function histogram(array) {
  const most = Math.max(...array.histogram);
  const label = `Histogram from ${written(array.low)} to ${written(array.high)}: ${array.histogram.join(", ")} entries`;
  const bars = array.histogram.map((count, i) => {
    const height = count ? 1 + (31 * count) / most : 0;
    return element("svg:rect", { x: i * 18, y: 32 - height, width: 16, height });
  });
  return element(
    "svg:svg",
    { class: "histogram", width: 18 * bars.length, height: 32, role: "img", "aria-label": label },
    ...bars,
  );
}
