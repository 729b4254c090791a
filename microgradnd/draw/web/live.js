// Numbers that can be changed: the program of the page computes everything else anew.

// What scripts call a node: its name, unless another one has the same.
const nameOf = ({ name, symbol }) => name ?? symbol;
const carriers = Map.groupBy(data.nodes, nameOf);
const label = (node) => (carriers.get(nameOf(node)).length > 1 || all.has(nameOf(node)) ? node.key : nameOf(node));
const LONGEST = 4e6; // steps that a local derivative may take
const EDITED = 100; // entries of an array that can be changed from the start
const cells = new Map(); // what shows and changes an entry, by the node's key and the place in it
const computed = data.nodes.filter(({ key }) => data.program.places?.[key] !== undefined); // no whole numbers
let program = null;
let problem = data.program.still;
if (!problem)
  try {
    program = new Program(data.program);
    problem = disagreement();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problem = error.message;
  }
if (problem) program = null;

// Where the program computes other numbers than Python did, if anywhere.
function disagreement() {
  const sizeOf = (entries) => Math.max(1e-30, ...entries.filter(Number.isFinite).map(Math.abs));
  const numbers = (array) => Array.from(array?.entries ?? [], toNumber);
  const largest = Math.max(0, ...data.nodes.map(({ gradient }) => sizeOf(numbers(gradient))));
  const isApart = (known, found, floor) => {
    const [expected, most] = [numbers(known), sizeOf(numbers(known)) + floor];
    const isNear = (x, y) => Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-3 * most;
    return found && !expected.every((x, i) => isNear(x, found.data[i]));
  };
  for (const { key, symbol, value, gradient } of computed)
    if (isApart(value, program.valueOf(key), 0) || isApart(gradient, program.gradients.get(key), 1e-9 * largest))
      return `here ${symbol} would not be what Python computed`;
}

// ---- what shows and changes the entries ------------------------------------------------------------

// A number, with all digits in its text, of which few are shown.
const exact = (part, name) => element("data", { [`data-${part}`]: name, class: "exact" });
function show(shown, value, short = value === undefined ? "" : cut(written(value))) {
  const text = String(value ?? "").replaceAll("Infinity", "inf").replaceAll("NaN", "nan");
  if (shown.textContent === text) return;
  shown.textContent = text;
  shown.dataset.short = short;
}

function cellOf({ key, value, gradient }, place, name) {
  const at = `${key} ${place}`;
  if (cells.has(at)) return cells.get(at).cell;
  const now = () => program.valueOf(key).data[place];
  const change = (value) => ((program.valueOf(key).data[place] = value), update());
  const take = () => input.value !== "" && Number.isFinite(input.valueAsNumber) && change(input.valueAsNumber);
  const input = element("input", {
    type: "number", step: "any", "aria-label": name, title: `${name}: type, or drag to the sides`,
    "data-entry": name,
    oninput: take,
    onfocus: () => slideTo(name, now(), change),
    onpointerdown: (event) => drag(event, input.valueAsNumber || 0, change),
  });
  const slope = gradient && exact("gradient", name);
  const refresh = () => {
    const shown = Number.isFinite(now()) ? now() : ""; // an input has no infinity
    input.placeholder = shown === "" ? now() : "";
    if (document.activeElement !== input || input.valueAsNumber !== now()) input.value = shown;
    if (slope) show(slope, program.gradients.get(key)?.data[place]);
  };
  cells.set(at, { cell: element("div", { class: "cell" }, input, slope), refresh });
  refresh();
  return cells.get(at).cell;
}

// To the sides by the pointer: a hundredth of the number, or of 1, for each pixel.
function drag({ pointerType, clientX: start }, value, change) {
  if (pointerType === "touch") return;
  const move = ({ clientX }) => {
    const moved = value + (clientX - start) * 0.01 * Math.max(1, Math.abs(value));
    if (Math.abs(clientX - start) > 3) change(Number(moved.toPrecision(6)));
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", () => removeEventListener("pointermove", move), { once: true });
}

function slideTo(name, now, change) {
  const [slider, value] = [$("slider"), Number.isFinite(now) ? now : 0];
  const reach = 2 * Math.max(1, Math.abs(value));
  Object.assign(slider, { min: value - reach, max: value + reach, step: reach / 200, value, disabled: false });
  slider.oninput = () => change(slider.valueAsNumber);
  slider.setAttribute("aria-label", name);
  $("slider-name").textContent = name;
}

// ---- computing everything anew ---------------------------------------------------------------------

function update() {
  program.run();
  const renewed = ({ dtype, rounded }, { shape, data: entries }) => ({ shape, dtype, rounded, entries });
  for (const node of computed) {
    node.value = renewed(node.value, program.valueOf(node.key));
    const gradient = program.gradients.get(node.key);
    if (node.gradient && gradient) node.gradient = renewed(node.gradient, gradient);
  }
  deriveAnew();
  showNumbers();
  draw();
  if (described && !document.activeElement?.closest("#details")) describe(described);
  if (state.paths) {
    const { pinned } = state;
    showPaths();
    if (pinned !== null && state.paths?.paths[pinned]) pinPath(pinned);
  }
  showStep();
}

// Local derivatives are computed when they are looked at, if that takes no minutes.
function deriveAnew() {
  for (const edge of data.edges) {
    const { derivative, target, position = 0 } = edge;
    if (!derivative) continue;
    const [{ shape }, isLong] = [derivative, program.stepsOf(target) > LONGEST];
    let entries;
    edge.derivative = isLong ? { shape } : { shape, get entries() { return (entries ??= program.derivative(target, position)); } };
  }
}

function showNumbers() {
  for (const { refresh } of cells.values()) refresh();
  for (const { shown, value } of data.nodes) {
    const { entries, shape, text = "" } = known(value);
    if (entries) show(shown, shape.length ? `[${Array.from(entries).join(", ")}]` : entries[0], cut(text, 60));
    else shown.dataset.short = text;
  }
}

// ---- descending the gradient -----------------------------------------------------------------------

const learned = data.nodes.filter(({ kind, key }) => kind === "parameter" && data.program.leaves?.includes(key));

function descend() {
  const rate = $("rate").valueAsNumber || 0;
  for (const { key } of learned)
    program.gradients.get(key)?.data.forEach((slope, i) => (program.valueOf(key).data[i] -= rate * slope));
  update();
}

const descendOn = () => toggle("descend-on", descend, 4);

function reset() {
  if (playing.has("descend-on")) descendOn();
  for (const [key, entries] of program.first) program.valueOf(key).data.set(entries);
  update();
}

// ---- how the page begins ---------------------------------------------------------------------------

$("values").parentNode.open = data.nodes.length <= 60;
for (const node of data.order.map((key) => nodes.get(key)).filter(Boolean)) {
  node.shown = exact("value", label(node));
  $("values").append(element("dt", {}, node.symbol), element("dd", {}, node.shown));
}

// The entries of an array as cells; of a large one a single entry, by its index.
function cellsOf(node) {
  const [{ shape }, name] = [node.value, label(node)];
  const [grid, count] = [element("div", { class: "cells" }), size(shape)];
  const cell = (place) => cellOf(node, place, nameOfEntry(name, shape, place));
  grid.style.gridTemplateColumns = `repeat(${shape.length > 1 ? shape.at(-1) : Math.min(count, 4)}, minmax(4.3rem, 1fr))`;
  if (count <= EDITED) grid.append(...Array.from({ length: count }, (_, place) => cell(place)));
  else {
    const choose = () => {
      const parts = index.value.match(/\d+/g)?.map(Number) ?? [];
      const fits = parts.length === shape.length && parts.every((part, k) => part < shape[k]);
      if (fits) chosen.replaceChildren(cell(placeAt(shape, parts)));
    };
    const [index, chosen] = [element("input", { size: 8, "aria-label": `Index of an entry of ${node.symbol}`, oninput: choose }), element("div")];
    index.value = shape.map(() => 0).join(",");
    choose();
    grid.append(element("div", {}, element("label", {}, "entry ", index), chosen));
  }
  return element("fieldset", { "data-leaf": name }, element("legend", {}, `${name}, ${shaped(shape)}`), grid);
}

if (program) {
  deriveAnew();
  const editable = program.leaves.map((key) => nodes.get(key)).filter(Boolean);
  editable.sort((a, b) => (a.kind !== "parameter") - (b.kind !== "parameter"));
  $("entries").append(...editable.map(cellsOf));
  const more = { descend: [descend, "descend", "d"], "descend-on": [descendOn, "play that", "g"], reset: [reset, "reset", "r"] };
  Object.assign(COMMANDS, more);
  if (!learned.length || !program.turns.length) for (const id of ["descend", "descend-on", "rate"]) $(id).disabled = true;
}
for (const [id, [happens, what, key, text]] of Object.entries(COMMANDS)) {
  if (text) $("tools").append(element("button", { id, type: "button", title: what, "aria-label": what }, text));
  if ($(id)) $(id).onclick = happens;
  if (key) $("keys").append(element("dt", {}, key), element("dd", {}, what));
}
if (problem) $("live-note").textContent = `The numbers of this page stay as they are: ${problem}.`;
$("live-tools").hidden = Boolean(problem);

// In a notebook the page is as light or dark as that is.
if (parent !== window)
  try {
    const { dataset, classList } = parent.document.body;
    const dark = dataset.jpThemeLight === "false" || classList.contains("vscode-dark");
    const light = dataset.jpThemeLight === "true" || classList.contains("vscode-light");
    if (dark || light) document.documentElement.dataset.theme = dark ? "dark" : "light";
  } catch {} // it is of another origin

$("title").textContent = data.title;
if (!backward.length) $("step").setAttribute("aria-label", "Step of the forward pass");
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
