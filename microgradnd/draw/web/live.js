// Numbers that can be changed: the program of the page computes everything else anew.

const nameOfEntry = (name, shape, flat) => {
  const strides = shape.map((_, k) => size(shape.slice(k + 1)));
  const index = shape.map((length, k) => Math.floor(flat / strides[k]) % length);
  return name + (index.length ? `[${index}]` : "");
};
// What scripts call a node: its name, with those of the groups around it where that is needed.
const namesOf = ({ key, name, symbol }) => {
  const outer = [...around(key)].reverse().map((group) => all.get(group).title);
  return [name ?? symbol, [...outer, name ?? symbol].join("."), key];
};
const carriers = new Map();
for (const node of data.nodes) for (const name of new Set(namesOf(node))) once(carriers, name, () => []).push(node);
const label = (node) => namesOf(node).find((name) => carriers.get(name).length === 1) ?? node.key;
const EDITED = 100; // entries of an array that can be changed from the start
const cells = new Map(); // what shows and changes an entry, by the node's key and the place in it

const isComputed = ({ key }) => data.program.shown[key] !== undefined; // all but whole numbers
let program = null;
let problem = data.program.still;
if (!problem) {
  program = new Program(data.program);
  program.run();
  problem = disagreement();
  if (problem) program = null;
}

// Where the program computes other numbers than Python did, if anywhere.
function disagreement() {
  const largest = Math.max(...data.nodes.map(({ gradient }) => sizeOf(gradient)));
  for (const node of data.nodes.filter(isComputed)) {
    const number = data.program.shown[node.key];
    if (isApart(program.valueOf(number), node.value) || isApart(program.gradients.get(number), node.gradient, largest))
      return `here ${node.symbol} would not be what Python computed`;
  }
}

function sizeOf({ entries = [] } = {}) {
  return Math.max(0, ...Array.from(entries, toNumber).filter(Number.isFinite).map(Math.abs));
}

function isApart(array, expected, largest = 0) {
  if (!array || !expected?.entries) return false;
  const [entries, most] = [Array.from(expected.entries, toNumber), sizeOf(expected) + 1e-9 * largest + 1e-30];
  return array.data.some((x, i) => !Object.is(x, entries[i]) && x !== entries[i] && !(Math.abs(x - entries[i]) <= 1e-3 * most));
}

// ---- what shows and changes the entries ------------------------------------------------------------

const gradientOf = (node, flat) =>
  program ? program.gradients.get(data.program.shown[node.key])?.data[flat] : node.gradient?.entries?.[flat];

// A number, with all digits in its text, of which few are shown.
const exact = (part, name) => element("data", { [`data-${part}`]: name, class: "exact" });
function show(shown, value) {
  const text = String(value ?? "").replace("Infinity", "inf").replace("NaN", "nan");
  if (shown.textContent === text) return;
  shown.textContent = text;
  shown.dataset.short = value === undefined ? "" : cut(written(value, 4));
}

function cellOf(node, flat) {
  const name = nameOfEntry(label(node), node.value.shape, flat);
  const place = `${node.key} ${flat}`;
  if (cells.has(place)) return cells.get(place).cell;
  const take = () => input.value !== "" && Number.isFinite(input.valueAsNumber) && change(node, flat, input.valueAsNumber);
  const input = element("input", {
    type: "number", step: "any", "aria-label": name, title: `${name}: type, or drag to the sides`,
    "data-entry": name,
    oninput: take,
    onchange: take,
    onfocus: () => slideTo(node, flat, name),
    onpointerdown: (event) => drag(event, node, flat, input),
  });
  const slope = node.gradient && exact("gradient", name);
  const cell = element("div", { class: "cell" }, input, slope);
  cells.set(place, { cell, input, slope, node, flat });
  showCell(cells.get(place));
  return cell;
}

function showCell({ input, slope, node, flat }) {
  const value = program.valueOf(data.program.shown[node.key]).data[flat];
  const shown = Number.isFinite(value) ? value : ""; // an input has no infinity
  input.placeholder = shown === "" ? value : "";
  if (document.activeElement !== input || input.valueAsNumber !== value) input.value = shown;
  if (slope) show(slope, gradientOf(node, flat));
}

// To the sides by the pointer: a hundredth of the number, or of 1, for each pixel.
function drag(event, node, flat, input) {
  if (event.pointerType === "touch") return;
  const [start, value] = [event.clientX, input.valueAsNumber || 0];
  const move = ({ clientX }) => {
    if (Math.abs(clientX - start) > 3) change(node, flat, Number((value + (clientX - start) * 0.01 * Math.max(1, Math.abs(value))).toPrecision(6)));
  };
  const stop = () => (removeEventListener("pointermove", move), removeEventListener("pointerup", stop));
  addEventListener("pointermove", move);
  addEventListener("pointerup", stop);
}

let sliding = null;
function slideTo(node, flat, name) {
  const now = program.valueOf(data.program.shown[node.key]).data[flat];
  const value = Number.isFinite(now) ? now : 0;
  const reach = 2 * Math.max(1, Math.abs(value));
  sliding = { node, flat };
  const slider = $("slider");
  Object.assign(slider, { min: value - reach, max: value + reach, step: reach / 200, value });
  slider.disabled = false;
  slider.setAttribute("aria-label", name);
  $("slider-name").textContent = name;
}
$("slider").oninput = () => change(sliding.node, sliding.flat, $("slider").valueAsNumber);

function change({ key }, flat, value) {
  program.values[program.leaves.get(key)].data[flat] = value;
  update();
}

// ---- computing everything anew ---------------------------------------------------------------------

function update() {
  program.run();
  const { shown } = data.program;
  const asShown = ({ shape, data: entries }, { dtype, rounded }) =>
    ({ shape, dtype, entries, rounded: rounded?.filter((i) => Math.abs(entries[i]) < 1e-12) });
  for (const node of data.nodes.filter(isComputed)) {
    node.value = asShown(program.valueOf(shown[node.key]), node.value);
    const gradient = program.gradients.get(shown[node.key]);
    if (node.gradient && gradient) node.gradient = asShown(gradient, node.gradient);
  }
  for (const { parts } of data.backward)
    for (const part of parts) {
      const { product, sum } = program.products[part.visit];
      if (part.sum) part.sum = asShown(sum, part.sum);
      part.product = asShown(product, part.product);
    }
  for (const edge of data.edges) if (edge.derivative?.computed || edge.derivative?.entries) edge.derivative = lazily(edge);
  showNumbers();
  for (const { uses, label } of scene.edges.values()) if (label && uses.length === 1) label.textContent = labelOf(uses[0]);
  const inPanel = document.activeElement?.closest("#details");
  if (described && !inPanel) describe(described);
  if (state.paths) {
    const { pinned } = state;
    showPaths();
    if (pinned !== null && state.paths?.paths[pinned]) pinPath(pinned);
  }
  showStep();
  if (overflows()) draw();
}

const turns = new Map(program?.turns.map((turn) => [turn.node, turn]));

// The local derivative of an edge, computed when it is looked at.
function lazily({ derivative, target, position = 0 }) {
  const turn = turns.get(data.program.shown[target]);
  let entries;
  return { shape: derivative.shape, computed: true, get entries() { return (entries ??= program.derivative(turn, position)); } };
}

const overflows = () =>
  [...scene.items.values()].some(({ lines, width }) => lines.some(([kind, text]) => widthOf(kind, text) > width - 10));

function showNumbers() {
  for (const cell of cells.values()) showCell(cell);
  for (const node of data.nodes) {
    const shown = valueTexts.get(node.key);
    const { entries, shape } = node.value;
    if (shown && entries) show(shown, shape.length ? `[${Array.from(entries).join(", ")}]` : entries[0]);
    if (shown) shown.dataset.short = known(node.value).text ?? "";
  }
}

// ---- descending the gradient -----------------------------------------------------------------------

const learned = data.nodes.filter((node) => node.kind === "parameter" && data.program.leaves?.[node.key] !== undefined);

function descend() {
  const rate = $("rate").valueAsNumber || 0;
  for (const { key } of learned) {
    const gradient = program.gradients.get(data.program.shown[key]);
    const { data: entries } = program.values[program.leaves.get(key)];
    gradient?.data.forEach((slope, i) => (entries[i] -= rate * slope));
  }
  update();
}

let descending = null;
function descendOn() {
  clearInterval(descending);
  descending = descending ? null : setInterval(descend, 1000 / (4 * Number($("speed").value)));
  $("descend-on").textContent = descending ? "Pause" : "Play";
}

function reset() {
  if (descending) descendOn();
  for (const [key, entries] of program.first) program.values[program.leaves.get(key)].data.set(entries);
  update();
}

// ---- how the page begins ---------------------------------------------------------------------------

const valueTexts = new Map();
$("values").parentNode.open = data.nodes.length <= 60;
$("values").append(
  ...data.order.filter((key) => nodes.has(key)).flatMap((key) => {
    const node = nodes.get(key);
    const shown = exact("value", label(node));
    valueTexts.set(node.key, shown);
    return [element("dt", {}, node.symbol), element("dd", {}, shown)];
  }),
);

if (program) {
  for (const edge of data.edges) if (edge.derivative?.computed) edge.derivative = lazily(edge);
  const editable = data.nodes.filter(({ key }) => program.leaves.has(key));
  editable.sort((a, b) => (a.kind !== "parameter") - (b.kind !== "parameter"));
  for (const node of editable) {
    const { shape } = node.value;
    const [count, title] = [size(shape), `${label(node)}, ${shaped(shape)}`];
    const grid = element("div", { class: "cells" });
    grid.style.gridTemplateColumns = `repeat(${shape.length > 1 ? shape.at(-1) : Math.min(count, 4)}, minmax(4.3rem, 1fr))`;
    if (count <= EDITED) grid.append(...Array.from({ length: count }, (_, flat) => cellOf(node, flat)));
    else grid.append(entryChooser(node));
    $("entries").append(element("fieldset", { "data-leaf": label(node) }, element("legend", {}, title), grid));
  }
  $("descend").onclick = descend;
  $("descend-on").onclick = descendOn;
  $("reset").onclick = reset;
  Object.assign(KEYS, { d: descend, g: descendOn, r: reset });
  if (!learned.length || !program.turns.length) for (const id of ["descend", "descend-on", "rate"]) $(id).disabled = true;
}
$("live-note").textContent = problem ? `The numbers of this page stay as they are: ${problem}.` : (data.program.note ?? "");
$("live-tools").hidden = Boolean(problem);

// One entry of a large array, by its index.
function entryChooser(node) {
  const [place, shown] = [element("div"), node.value.shape];
  const choose = () => {
    const parts = index.value.match(/\d+/g)?.map(Number) ?? [];
    const fits = parts.length === shown.length && parts.every((part, k) => part < shown[k]);
    if (fits) place.replaceChildren(cellOf(node, parts.reduce((at, part, k) => at * shown[k] + part, 0)));
  };
  const index = element("input", { size: 8, "aria-label": `Index of an entry of ${node.symbol}`, oninput: choose });
  index.value = shown.map(() => 0).join(",");
  choose();
  return element("div", {}, element("label", {}, "entry ", index), place);
}

// In a notebook the page is as light or dark as that is.
if (parent !== window)
  try {
    const { dataset, classList } = parent.document.body;
    const dark = dataset.jpThemeLight === "false" || classList.contains("vscode-dark");
    const light = dataset.jpThemeLight === "true" || classList.contains("vscode-light");
    if (dark || light) document.documentElement.dataset.theme = dark ? "dark" : "light";
  } catch {} // it is of another origin

$("title").textContent = data.title;
if (!data.backward.length) $("step").setAttribute("aria-label", "Step of the forward pass");
draw();
fit(READABLE);
goTo(null);
showNumbers();
if (data.asked) {
  const [from, to, entry] = data.asked;
  choosePathEnd("from", from);
  choosePathEnd("to", to);
  if (entry.length) $("from-entry").value = entry.join(",");
  showPaths();
}
