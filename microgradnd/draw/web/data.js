// What the page shows, what its reader has chosen, and the elements that show numbers. All files
// are one script.
"use strict";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const once = (map, key, make) => map.get(key) ?? map.set(key, make()).get(key);
const byKey = (items) => new Map(items.map((item) => [item.key, item]));
const mean = (items, value) => items.reduce((sum, item) => sum + value(item), 0) / items.length;

const [all, nodes] = [byKey([...data.nodes, ...data.groups]), byKey(data.nodes)];
const groups = byKey(data.groups.filter((group) => group.open)); // what is in others is not here
const [edgesInto, edgesFrom] = ["target", "source"].map((end) => Map.groupBy(data.edges, (edge) => edge[end]));
const forward = data.order.filter((key) => nodes.get(key)?.operation);
const turnOf = new Map(forward.map((key, i) => [key, i + 1])); // forward steps count from 1
const flowing = (edges) => (edges ?? []).filter((edge) => edge.flows);
// What a gradient flows on from, the last first, with the uses along which it flows.
const backward = [...forward].reverse().filter((key) => nodes.get(key).gradient).map((key) =>
  ({ key, uses: flowing(edgesInto.get(key)).sort((a, b) => (a.position ?? 0) - (b.position ?? 0)) }))
  .filter(({ uses }) => uses.length);
const seeding = forward.length + 1; // the step at which the backward pass begins
const lastStep = backward.length ? seeding + backward.length : forward.length;
const READABLE = 0.7; // the least scale at which a page begins
const FULL = 400; // entries of an array that are shown,
const FEW = 24; // and that stand in one text

const state = {
  open: new Set(data.open),
  down: data.direction === "TB",
  step: null, // none: everything is shown
  chosen: null,
  focus: null,
  paths: null,
  path: null, // the one that is looked at,
  pinned: null, // and the one that was clicked on
  marked: true, // whether borders are thick that `highlight` asked for
  matrices: data.nodes.length <= 40, // whether boxes show the rows of matrices
  scale: 1,
};
let scene; // the items that are drawn, by key, and the edges between them

const cut = (text, longest = 40) => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
const shaped = (shape) => (shape.length ? shape.join(" × ") : "scalar");
const called = (key) => all.get(key).symbol ?? all.get(key).heading;
const size = (shape) => shape.reduce((a, b) => a * b, 1);
const placeAt = (shape, index) => index.reduce((place, i, k) => place * shape[k] + i, 0); // in flat order
function nameOfEntry(name, shape, place) {
  const index = shape.map((length, k) => Math.floor(place / size(shape.slice(k + 1))) % length);
  return name + (index.length ? `[${index}]` : "");
}

const NAMED = { inf: Infinity, "-inf": -Infinity }; // numbers that JSON has not
const toNumber = (x) => NAMED[x] ?? Number(x);

// A number in few digits, as Python writes it.
function written(value, digits = 4) {
  if (typeof value !== "number") return String(value).replaceAll("-", "−");
  const exact = !Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 1e7);
  const form = Math.abs(value) < 1e-4 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  const short = form.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "").replace("e+", "e");
  return (exact ? String(value).replace("Infinity", "inf").replace("NaN", "nan") : short).replaceAll("-", "−");
}

const SPACES = { svg: "http://www.w3.org/2000/svg", math: "http://www.w3.org/1998/Math/MathML" };

function element(name, attributes = {}, ...children) {
  const [space, inner] = name.includes(":") ? name.split(":") : [];
  const made = space ? document.createElementNS(SPACES[space], inner) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child || child === ""));
  return made;
}

const faint = (...what) => element("p", { class: "faint" }, ...what);
const labelled = (label, ...what) =>
  element("div", {}, element("span", { class: "faint" }, ...typeset(label)), ...what);

// A text with its quotients ∂a/∂b typeset.
const typeset = (text) =>
  text.split(/(∂\S+\/∂\S+)/u).map((part, i) => {
    if (i % 2 === 0) return part;
    const quotient = part.split("/∂").map((side, j) => element("math:mrow", {}, ...symbols(j ? `∂${side}` : side)));
    return element("math:math", {}, element("math:mfrac", {}, ...quotient));
  });

// Letters in MathML, with what stands below them.
const symbols = (text) =>
  (text.match(/∂|[^∂₀-₉]+[₀-₉]*/gu) ?? []).map((part) => {
    const [, base, low] = part.match(/^(.*?)([₀-₉]*)$/su);
    const letters = element(base === "∂" ? "math:mo" : "math:mi", {}, base);
    const digits = [...low].map((digit) => "₀₁₂₃₄₅₆₇₈₉".indexOf(digit)).join("");
    return low ? element("math:msub", {}, letters, element("math:mn", {}, digits)) : letters;
  });

// A number in few digits, with all of them in its value.
const number = (value, digits) => element("data", { value }, written(value, digits));

// An array: its entries in rows, or what is known of them.
function arrayView(array, part) {
  const { shape, dtype, entries, text = `${shaped(shape)} ${dtype}` } = known(array);
  const rows = entries?.length <= FULL && grid(array);
  return element("div", { class: "array", "data-part": part }, rows, entries?.length <= FEW ? null : text);
}

// An array with its text: the entries, or statistics if they are many, as Python writes them.
function known(array) {
  const { shape, entries } = array;
  if (!entries || "text" in array) return array;
  if (entries.length > FEW || shape.length > 2 || shape[0] > 8 || shape[1] > 6)
    return Object.assign(array, { text: statistics(array) });
  let texts = textsOf(array);
  for (const length of [...shape].reverse())
    texts = Array.from({ length: texts.length / length || 0 }, (_, i) =>
      `[${texts.slice(i * length, (i + 1) * length).join(", ")}]`);
  return Object.assign(array, { text: texts[0] ?? "[]" });
}

function statistics({ entries, dtype }) {
  const numbers = Array.from(entries, toNumber);
  const finite = numbers.filter(Number.isFinite);
  const [low, high] = finite.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
  const unit = { float32: 1.2e-7, float16: 1e-3 }[dtype] ?? 2.2e-16;
  let middle = mean(finite, (x) => x);
  if (Math.abs(middle) < 16 * unit * Math.max(-low, high)) middle = 0; // nothing but rounding
  const lost = finite.length < numbers.length ? `, ${numbers.length - finite.length} not finite` : "";
  if (!(high > low)) return (finite.length ? `all ${written(low, 3)}${lost}` : lost.slice(2));
  const spread = Math.sqrt(mean(finite, (x) => (x - middle) ** 2));
  const counts = new Array(8).fill(0);
  for (const x of finite) counts[Math.min(7, Math.floor(((x - low) / (high - low)) * 8))]++;
  const bars = counts.map((count) => "▁▂▃▄▅▆▇█"[Math.round((7 * count) / Math.max(...counts))]);
  return `${written(middle, 3)} ± ${written(spread, 3)}, ${written(low, 3)} … ${written(high, 3)}${lost} ${bars.join("")}`;
}

// Whether an entry is nothing but rounding: smaller than the bound that Python found for it.
const isRounded = ({ entries, rounded = {} }, i) => Math.abs(entries[i]) < rounded[i];
// Entries in few digits; those that are nothing but rounding as 0.
const textsOf = (array, digits) =>
  Array.from(array.entries, (entry, i) => (isRounded(array, i) ? "0" : written(entry, digits)));

// The rows of a matrix, or of a vector that is long, in columns of one width.
function rowsOf(array) {
  const [rows, columns] = [...array.shape, 1, 1];
  if (!array.entries?.length || array.shape.length > 2 || rows > 8 || columns > 8 || (array.shape.length < 2 && rows <= 4)) return null;
  const texts = textsOf(array, 3);
  const width = Math.max(...texts.map((text) => text.length));
  return Array.from({ length: rows }, (_, i) =>
    texts.slice(i * columns, (i + 1) * columns).map((text) => text.padStart(width)).join("  "));
}

function grid(array) {
  const { entries, shape } = array;
  const columns = shape.length > 1 ? shape.at(-1) : shape[0] > 8 ? 8 : 1;
  const scrolls = entries.length > FEW && { tabindex: 0, role: "group", "aria-label": "entries" };
  const numbers = textsOf(array, entries.length > 1 ? 5 : 7).map((text, i) =>
    element("data", { value: entries[i], title: isRounded(array, i) && entries[i] }, text));
  const made = element("div", { class: "numbers", ...scrolls }, ...numbers);
  made.style.gridTemplateColumns = `repeat(${columns}, max-content)`;
  return made;
}
