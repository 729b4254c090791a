// What the page shows, what its reader has chosen, and the elements that show numbers. All files
// are one script.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const once = (map, key, make) => map.get(key) ?? map.set(key, make()).get(key);
const byKey = (items) => new Map(items.map((item) => [item.key, item]));

const [all, nodes] = [byKey([...data.nodes, ...data.groups]), byKey(data.nodes)];
const groups = byKey(data.groups.filter((group) => !group.closed));
const turnOf = new Map(data.forward.map((key, i) => [key, i + 1])); // forward steps count from 1
const seeding = data.forward.length + 1; // the step at which the backward pass begins
const lastStep = data.backward.length ? seeding + data.backward.length : data.forward.length;
const COLOURS = 6;
const READABLE = 0.7; // the least scale at which a page begins

const state = {
  open: new Set(data.open),
  down: data.direction === "TB",
  step: null, // none: everything is shown
  chosen: null,
  focus: null,
  paths: null,
  scale: 1,
};
let scene; // the items that are drawn, by key, and the edges between them

const cut = (text, longest = 40) => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
const shaped = (shape) => (shape.length ? shape.join(" × ") : "scalar");
const called = (key) => all.get(key).symbol ?? all.get(key).title;

// A number in few digits, as Python writes it.
function written(value, digits = 4) {
  const exact = typeof value !== "number" || (Number.isInteger(value) && Math.abs(value) < 1e7);
  const form = Math.abs(value) < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  const short = form.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "").replace("e+", "e");
  return (exact ? String(value) : short).replaceAll("-", "−");
}

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child || child === ""));
  return made;
}

const faint = (...what) => element("p", { class: "faint" }, ...what);
const labelled = (label, ...what) =>
  element("div", {}, element("span", { class: "faint" }, label), ...what);

// A number in few digits, with all of them in its value.
const number = (value, digits) => element("data", { value }, written(value, digits));

// An array: its entries in rows, or what is known of them.
function arrayView({ shape, dtype, entries, about, histogram, first }, part) {
  return element(
    "div",
    { class: "array", "data-part": part },
    entries && grid(entries, shape),
    about && element("div", {}, about),
    histogram?.length && bars(histogram, about),
    first && faint(`first entries: ${first.map((entry) => written(entry)).join(", ")}, …`),
    !entries && !about && faint(`${shaped(shape)} ${dtype}`),
  );
}

function grid(entries, shape) {
  const columns = shape.length > 1 ? shape.at(-1) : shape[0] > 8 ? 8 : 1;
  const scrolls = entries.length > 24 && { tabindex: 0, role: "group", "aria-label": "entries" };
  const digits = entries.length > 1 ? 5 : 7;
  const made = element("div", { class: "numbers", ...scrolls }, ...entries.map((x) => number(x, digits)));
  made.style.gridTemplateColumns = `repeat(${columns}, max-content)`;
  return made;
}

function bars(counts, about) {
  const label = `Histogram of ${about}: ${counts.join(", ")} entries`;
  const size = { width: 18 * counts.length, height: 32, role: "img", "aria-label": label };
  const heights = counts.map((count) => (count && 1) + (31 * count) / Math.max(...counts));
  const bar = (height, i) => element("svg:rect", { x: i * 18, y: 32 - height, width: 16, height });
  return element("svg:svg", { class: "histogram", ...size }, ...heights.map(bar));
}
