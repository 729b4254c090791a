// The page: what is drawn, what is said about it, and what the reader can do.
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
  else if (size && (size < 1e-4 || size >= 10 ** digits)) text = value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  else if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return text.replaceAll("-", "−");
}

const shaped = (shape) => (shape.length ? shape.join(" × ") : "scalar");

function short(array) {
  if (array.entries && !array.shape.length) return written(array.entries[0]);
  if (array.entries && array.entries.length <= 4) return nested(array.entries.map((entry) => written(entry, 3)), array.shape);
  if (array.mean !== undefined) return array.low === array.high ? `all ${written(array.mean, 3)}` : `${written(array.mean, 3)} ± ${written(array.spread, 3)}`;
  if (array.entries?.length) return `${array.entries.slice(0, 3).map((entry) => written(entry, 3)).join(", ")}, …`;
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
  const made = name.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
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
    const columns = shape.length > 1 ? shape[shape.length - 1] : shape.length && shape[0] > 8 ? 8 : 1;
    const texts = entries.map((entry) => written(entry, entries.length > 1 ? 5 : 7));
    const width = Math.max(...texts.map((text) => text.length));
    const grid = element("div", { class: "numbers" });
    if (entries.length > 24) for (const [key, value] of [["tabindex", 0], ["role", "group"], ["aria-label", "entries"]]) grid.setAttribute(key, value);
    entries.forEach((entry, i) => {
      const end = i === entries.length - 1 ? "" : (i + 1) % columns ? "  " : "\n";
      grid.append(" ".repeat(width - texts[i].length), element("data", { value: entry }, texts[i]), end);
    });
    view.append(grid);
  }
  if (array.mean !== undefined) {
    view.append(element("div", {}, `mean ${written(array.mean)} ± ${written(array.spread)}, from ${written(array.low)} to ${written(array.high)}, norm ${written(array.norm)}`));
    if (array.histogram.length) view.append(histogram(array));
  }
  if (array.first) view.append(element("div", { class: "faint" }, `first entries: ${array.first.map((entry) => written(entry)).join(", ")}, …`));
  if (array.notFinite) view.append(element("div", {}, `${array.notFinite} not finite`));
  if (!entries && array.mean === undefined) view.append(element("div", { class: "faint" }, `${shaped(shape)} ${array.dtype}`));
  return view;
}

function histogram(array) {
  const most = Math.max(...array.histogram);
  const label = `Histogram from ${written(array.low)} to ${written(array.high)}: ${array.histogram.join(", ")} entries`;
  const bars = array.histogram.map((count, i) => {
    const height = count ? 1 + (31 * count) / most : 0;
    return element("svg:rect", { x: i * 18, y: 32 - height, width: 16, height });
  });
  return element("svg:svg", { class: "histogram", width: 18 * bars.length, height: 32, role: "img", "aria-label": label }, ...bars);
}

// ---- what is drawn ---------------------------------------------------------------------------------

// The outermost closed group that something is in, or itself.
function drawnAs(key) {
  let drawn = groups.has(key) && state.open.has(key) ? null : key;
  for (let group = all.get(key).group; group; group = all.get(group).group) if (!state.open.has(group)) drawn = group;
  return drawn;
}

const root = groups.get("o0") ?? { key: "", kind: "all", title: "" };
state.open.add(root.key);

const inside = new Map(); // the keys of the nodes and boxes anywhere in a group
for (const item of [...data.nodes, ...data.boxes]) for (let group = item.group; group; group = all.get(group).group) (inside.get(group) ?? inside.set(group, []).get(group)).push(item.key);
const usersOf = new Map();
for (const edge of data.edges) (usersOf.get(edge.source) ?? usersOf.set(edge.source, []).get(edge.source)).push(edge.target);

// What a group is, in few words; and its result, if only one of its nodes is used outside.
function summaryOf(group) {
  if (group.summary) return group.summary;
  const keys = new Set(inside.get(group.key));
  const members = [...keys].map((key) => all.get(key));
  const sum = (value) => members.reduce((total, member) => total + value(member), 0);
  const operations = sum((member) => member.operations ?? (member.kind === "operation" ? 1 : 0));
  const parameters = sum((member) => (member.kind === "parameter" ? member.value.shape.reduce((a, b) => a * b, 1) : (member.parameters ?? 0)));
  const leaving = [...keys].filter((key) => data.heads.includes(key) || (usersOf.get(key) ?? []).some((user) => !keys.has(user)));
  const result = leaving.length === 1 ? (nodes.get(leaving[0]) ?? null) : null;
  const turns = data.groups.filter((other) => other.group === group.key).length || members.length;
  const times = group.kind === "repeat" ? turns : 1;
  return (group.summary = { operations, parameters, result, times });
}

function titleOf(group) {
  const { operations, times } = groups.has(group.key) ? summaryOf(group) : group;
  const first = nodes.get(inside.get(group.key)?.[0]);
  const leaves = !operations && first ? `${first.symbol} and ${inside.get(group.key).length - 1} more` : counted(Math.round(operations / times), "operation");
  return (group.title || leaves) + (times > 1 ? ` × ${times}` : "");
}

const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

function aboutGroup(group) {
  const { operations, parameters, times } = groups.has(group.key) ? summaryOf(group) : group;
  return [operations && (group.title || times > 1) && counted(operations, "operation"), parameters && counted(parameters, "parameter")].filter(Boolean).join(", ");
}

// The lines of text in an item: each with a class, and what it says.
function linesOf(key) {
  const thing = all.get(key);
  const node = nodes.get(key) ?? (groups.has(key) ? summaryOf(thing).result : null);
  const lines = [];
  if (nodes.has(key)) {
    if (thing.caption) lines.push(["about", thing.caption]);
    lines.push(["heading", cut(nameOf(thing))]);
    const kind = { operation: "", given: "from elsewhere" }[thing.kind] ?? thing.kind;
    lines.push(["about", [fullName(thing), kind, shaped(thing.value.shape)].filter(Boolean).join(", ")]);
  } else {
    lines.push(["heading", `${groups.has(key) ? "▸ " : ""}${cut(titleOf(thing))}`]);
    lines.push(["about", aboutGroup(thing)]);
    if (node) lines.push(["about", `gives ${node.symbol}, ${shaped(node.value.shape)}`]);
  }
  if (node) {
    if (short(node.value)) lines.push(["value", cut(short(node.value))]);
    if (node.gradient && short(node.gradient)) lines.push(["slope", cut(`${slopeName(node)} = ${short(node.gradient)}`)]);
  }
  return lines.filter(([, text]) => text);
}

const cut = (text, longest = 38) => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);

const pen = document.createElement("canvas").getContext("2d");
const FONTS = { heading: "600 13px", about: "11px", value: "12px", slope: "12px" };
const LINE = 17;

function widthOf(kind, text) {
  pen.font = `${FONTS[kind]} system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif`;
  return pen.measureText(text).width;
}

// Lay out what is visible, and draw it.
function draw() {
  const made = new Map();
  const groupOf = (key) => {
    if (!made.has(key)) {
      const titled = key !== root.key;
      const head = { main: titled && state.down ? GAP.title : 0, cross: titled && !state.down ? GAP.title : 0 };
      const item = { key, items: [], links: new Map(), head, outer: null };
      made.set(key, item);
      const around = titled ? all.get(key).group : null;
      if (around !== null) into(item, around || root.key);
    }
    return made.get(key);
  };
  const into = (item, group) => {
    item.outer = groupOf(group);
    item.outer.items.push(item);
  };
  const items = new Map();
  for (const { key } of [...data.nodes, ...data.boxes]) {
    const drawn = drawnAs(key);
    if (items.has(drawn)) continue;
    const lines = linesOf(drawn);
    const width = Math.max(60, ...lines.map(([kind, text]) => widthOf(kind, text))) + 20;
    const height = lines.length * LINE + 10;
    const item = { key: drawn, lines, width, height, main: state.down ? height : width, cross: state.down ? width : height };
    items.set(drawn, item);
    into(item, all.get(drawn).group || root.key);
  }
  const edges = new Map();
  for (const edge of data.edges) {
    const [source, target] = [items.get(drawnAs(edge.source)), items.get(drawnAs(edge.target))];
    if (source === target) continue;
    const name = linkName(source, target);
    if (!edges.has(name)) edges.set(name, { name, source, target, uses: [], legs: legsOf(source, target) });
    edges.get(name).uses.push(edge);
  }
  const whole = groupOf(root.key);
  layOut(whole, state.down ? GAP.mainDown : GAP.main);
  place(whole, 0, 0);
  const depth = (group) => (group.outer ? 1 + depth(group.outer) : 0);
  const frames = [...made.values()].filter((group) => group !== whole).sort((a, b) => depth(a) - depth(b));
  scene = { items, edges, frames, all: new Map([...frames.map((frame) => [frame.key, frame]), ...items]), whole };
  $("view").replaceChildren(...frames.map(drawFrame), ...[...edges.values()].flatMap(drawEdge), ...[...items.values()].map(drawItem));
  const first = scene.all.get(state.focus) ?? items.values().next().value;
  state.focus = first?.key;
  first?.drawn.setAttribute("tabindex", 0);
  drawView();
  showState();
}

// The way of an edge through the groups: out of those around the source, over the group where both
// ends meet, and into those around the target. Each leg is a link between items of one group.
function legsOf(source, target) {
  const around = new Set();
  for (let item = source; item.outer; item = item.outer) around.add(item.outer);
  const entered = [];
  for (let group = target.outer; !around.has(group); group = group.outer) entered.unshift(group);
  const legs = [];
  const go = (group, a, b) => {
    group.links.set(linkName(a, b), [a, b]);
    legs.push({ group, a, b });
  };
  const port = (group, way) => {
    const key = `${way} ${source.key}`;
    let found = group.items.find((item) => item.key === key);
    if (!found) group.items.push((found = { key, port: way, main: 0, cross: 6, outer: group }));
    return found;
  };
  let at = source;
  const meeting = entered.length ? entered[0].outer : target.outer;
  for (; at.outer !== meeting; at = at.outer) {
    const out = port(at.outer, "out");
    go(at.outer, at === source ? source : at, out);
  }
  go(meeting, at, entered[0] ?? target);
  entered.forEach((group, i) => go(group, port(group, "in"), entered[i + 1] ?? target));
  return legs;
}

// From places along the flow and across it, within a group, to x and y on the page.
function place(group, x, y) {
  Object.assign(group, { x, y, width: state.down ? group.cross : group.main, height: state.down ? group.main : group.cross });
  for (const item of group.items) {
    const [left, top] = state.down ? [x + item.over, y + item.at] : [x + item.at, y + item.over];
    if (item.items) place(item, left, top);
    else Object.assign(item, { x: left, y: top });
  }
}

function drawFrame(frame) {
  const group = all.get(frame.key);
  const title = titleOf(group);
  frame.drawn = element(
    "svg:g",
    { class: `item frame${group.mark ? " asked" : ""}`, role: "button", "aria-expanded": "true", "aria-label": `${title}, unfolded. ${aboutGroup(group)}`, tabindex: -1, "data-key": frame.key },
    element("svg:rect", { x: frame.x, y: frame.y, width: frame.width, height: frame.height, rx: 8, "pointer-events": "none" }),
    element("svg:text", { x: frame.x + 10, y: frame.y + 17 }, `▾ ${cut(title, Math.max(8, frame.width / 7))}`),
  );
  return frame.drawn;
}

function drawItem(item) {
  const thing = all.get(item.key);
  const kind = nodes.has(item.key) ? (data.heads.includes(item.key) && thing.operation ? "head" : thing.kind) : "box";
  const folded = groups.has(item.key) ? "false" : undefined;
  item.texts = {};
  const texts = item.lines.map(([line, text], i) => (item.texts[line] = element("svg:text", { class: line, x: item.x + 10, y: item.y + 18 + i * LINE }, text)));
  const label = item.lines.map(([, text]) => text.replace("▸ ", "")).join(", ") + (nodes.has(item.key) ? "" : ", folded");
  item.drawn = element(
    "svg:g",
    { class: `item ${kind}${thing.mark ? " asked" : ""}`, role: "button", "aria-label": label, "aria-expanded": folded, tabindex: -1, "data-key": item.key },
    element("svg:rect", { x: item.x, y: item.y, width: item.width, height: item.height, rx: 6 }),
    ...texts,
  );
  return item.drawn;
}

function drawEdge(edge) {
  const { source, target } = edge;
  const end = (item, share) => (state.down ? [item.x + item.width / 2, item.y + item.height * share] : [item.x + item.width * share, item.y + item.height / 2]);
  const points = [end(source, 1)];
  for (const { group, a, b } of edge.legs)
    for (const bend of [a, ...(group.bends.get(linkName(a, b)) ?? []), b].filter((item) => item.bend || item.port)) {
      const across = bend.over + bend.cross / 2;
      for (const along of [bend.at, bend.at + bend.main]) points.push(state.down ? [group.x + across, group.y + along] : [group.x + along, group.y + across]);
    }
  points.push(end(target, 0));
  let path = `M${points[0]}`;
  for (let i = 1; i < points.length; i++) {
    const [[x1, y1], [x2, y2]] = [points[i - 1], points[i]];
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    path += state.down ? ` C${x1},${my} ${x2},${my} ${x2},${y2}` : ` C${mx},${y1} ${mx},${y2} ${x2},${y2}`;
  }
  const still = edge.uses.every((use) => !use.flows);
  edge.drawn = element("svg:path", { class: `edge${still ? " still" : ""}`, d: path, "marker-end": "url(#tip)", "data-edge": edge.name });
  const label = edge.uses.length === 1 ? factorOf(edge.uses[0]) : `× ${edge.uses.length}`;
  if (!label) return [edge.drawn];
  const [[x1, y1], [x2, y2]] = points.slice(-2);
  return [edge.drawn, element("svg:text", { class: "factor", x: x1 + (x2 - x1) * 0.55, y: y1 + (y2 - y1) * 0.55 - 3 }, label)];
}

// What a small local derivative is, in a few characters.
function factorOf(edge) {
  if (!edge.derivative) return "";
  const [rows, columns, values] = edge.derivative;
  if (edge.shape[0] === 1 && edge.shape[1] === 1) return written(values[0] ?? 0, 3);
  const even = values.length === edge.shape[0] && edge.shape[0] === edge.shape[1] && values.every((value, i) => value === values[0] && rows[i] === columns[i]);
  return even ? (values[0] === 1 ? "I" : `${written(values[0], 3)}·I`) : "";
}

// ---- zoom and pan ----------------------------------------------------------------------------------

const svg = $("graph");

function drawView() {
  const { x, y, scale } = state.view;
  $("view").setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
}

// Show the whole picture; or as much of it as can be read, from where it begins.
function fit(least = 0.08) {
  const { width, height } = svg.getBoundingClientRect();
  const { whole } = scene;
  const scale = Math.min(1.5, Math.max(least, fitting(whole.width, whole.height)));
  const start = (room, size, along) => (size * scale <= room || !along ? (room - size * scale) / 2 : 0);
  state.view = { scale, x: start(width, whole.width, !state.down), y: start(height, whole.height, state.down) };
  drawView();
}

function fitting(across, down) {
  const { width, height } = svg.getBoundingClientRect();
  return Math.min(width / across, height / down);
}

// Of a picture whose direction was not asked for, the direction in which more can be read.
function drawReadably() {
  draw();
  const before = fitting(scene.whole.width, scene.whole.height);
  if (data.direction === "LR" && before < READABLE) {
    state.down = true;
    draw();
    if (fitting(scene.whole.width, scene.whole.height) < 1.2 * before) {
      state.down = false;
      draw();
    }
  }
  fit(READABLE);
}

function zoom(factor, x = svg.clientWidth / 2, y = svg.clientHeight / 2) {
  const { view } = state;
  const scale = Math.min(4, Math.max(0.05, view.scale * factor));
  const by = scale / view.scale;
  state.view = { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
  drawView();
}

function bringIntoView(item) {
  const { width, height } = svg.getBoundingClientRect();
  const { view } = state;
  for (const [axis, room, from, size] of [["x", width, item.x, item.width], ["y", height, item.y, item.height]]) {
    const start = view[axis] + from * view.scale;
    if (start < 10 || start + size * view.scale > room - 10) {
      const spare = room - scene.whole[axis === "x" ? "width" : "height"] * view.scale; // no more emptiness than there must be
      view[axis] = spare > 0 ? spare / 2 : Math.min(0, Math.max(spare, room / 2 - (from + size / 2) * view.scale));
    }
  }
  drawView();
}

const pointers = new Map();
let moved = 0;
svg.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pointers.size === 1) moved = 0;
});
addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
  if (moved > 4) svg.classList.add("held");
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const { left, top } = svg.getBoundingClientRect();
    const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
    zoom(apart(now) / apart(before), (now[0] + other[0]) / 2 - left, (now[1] + other[1]) / 2 - top);
  } else {
    state.view.x += now[0] - before[0];
    state.view.y += now[1] - before[1];
    drawView();
  }
  pointers.set(event.pointerId, now);
});
for (const name of ["pointerup", "pointercancel"])
  addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    svg.classList.remove("held");
  });
svg.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const { left, top } = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - left, event.clientY - top);
  },
  { passive: false },
);

// ---- folding, choosing, searching ------------------------------------------------------------------

const itemOf = (event) => event.target.closest?.("[data-key]")?.getAttribute("data-key");

function toggle(key) {
  const before = scene.all.get(key);
  const was = before && [before.x * state.view.scale + state.view.x, before.y * state.view.scale + state.view.y];
  state.open.has(key) ? state.open.delete(key) : state.open.add(key);
  state.focus = key;
  draw();
  const after = scene.all.get(key);
  if (was && after) Object.assign(state.view, { x: was[0] - after.x * state.view.scale, y: was[1] - after.y * state.view.scale });
  drawView();
}

function act(key) {
  if (groups.has(key)) toggle(key);
  else state.chosen = state.chosen === key ? null : key;
  focusOn(key);
  describe(key);
  showState();
}

function focusOn(key) {
  scene.all.get(state.focus)?.drawn.setAttribute("tabindex", -1);
  state.focus = key;
  const item = scene.all.get(key);
  item.drawn.setAttribute("tabindex", 0);
  item.drawn.focus({ preventScroll: true });
}

svg.addEventListener("click", (event) => {
  const key = itemOf(event);
  if (key && moved <= 4) act(key);
});
svg.addEventListener("focusin", (event) => itemOf(event) && describe(itemOf(event)));
svg.addEventListener("pointerover", (event) => event.pointerType === "mouse" && !pointers.size && itemOf(event) && describe(itemOf(event)));
svg.addEventListener("pointerleave", () => state.chosen && describe(state.chosen));

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
svg.addEventListener("keydown", (event) => {
  const key = itemOf(event);
  if (!key) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    act(key);
  } else if (ARROWS[event.key]) {
    event.preventDefault();
    const next = beside(scene.all.get(key), ARROWS[event.key]);
    if (next) (focusOn(next.key), bringIntoView(next));
  }
});

// The nearest item in a direction; what is aside counts as further away.
function beside(from, [dx, dy]) {
  const middle = (item) => (item.items ? [item.x + 30, item.y + 10] : [item.x + item.width / 2, item.y + item.height / 2]);
  const [x, y] = middle(from);
  let [best, least] = [null, Infinity];
  for (const item of scene.all.values()) {
    const [ox, oy] = middle(item);
    const along = (ox - x) * dx + (oy - y) * dy;
    const aside = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
    if (item !== from && along > 1 && along + 2.5 * aside < least) [best, least] = [item, along + 2.5 * aside];
  }
  return best;
}

// Open all groups around something, so that it is drawn.
function reveal(key) {
  for (let group = all.get(key).group; group; group = all.get(group).group) state.open.add(group);
  draw();
  bringIntoView(scene.all.get(key));
}

let matches = [];
let match = -1;
$("search").addEventListener("input", () => {
  const wanted = $("search").value.trim().toLowerCase();
  const texts = (thing) => [thing.symbol, thing.name, thing.operation, thing.formula, thing.title, thing.caption];
  matches = wanted ? [...all.values()].filter((thing) => thing !== root && texts(thing).some((text) => text?.toLowerCase().includes(wanted))).map((thing) => thing.key) : [];
  match = -1;
  $("found").textContent = wanted ? `${matches.length} found${matches.length ? ", Enter goes there" : ""}` : "";
  showState();
});
$("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !matches.length) return;
  match = (match + (event.shiftKey ? matches.length - 1 : 1)) % matches.length;
  $("found").textContent = `${match + 1} of ${matches.length}`;
  state.focus = matches[match];
  reveal(matches[match]);
  describe(matches[match]);
});

$("unfold-all").addEventListener("click", () => {
  for (const key of groups.keys()) state.open.add(key);
  draw();
  fit(READABLE);
});
$("fold-all").addEventListener("click", () => {
  state.open = new Set([root.key]);
  draw();
  fit(READABLE);
});
$("turn").addEventListener("click", () => {
  state.down = !state.down;
  draw();
  fit(READABLE);
});
$("zoom-in").addEventListener("click", () => zoom(1.3));
$("zoom-out").addEventListener("click", () => zoom(1 / 1.3));
$("fit").addEventListener("click", () => fit());

// ---- details ---------------------------------------------------------------------------------------

function describe(key) {
  const thing = all.get(key);
  const list = element("dl");
  const say = (term, ...what) => list.append(element("dt", {}, term), element("dd", {}, ...what));
  if (nodes.has(key)) {
    if (thing.name && thing.name !== thing.symbol) say("name", thing.name);
    say("what", thing.kind === "operation" ? `operation ${thing.operation}` : { given: "from elsewhere" }[thing.kind] ?? thing.kind);
    say("shape", `${shaped(thing.value.shape)} ${thing.value.dtype}`);
    say("value", arrayView(thing.value, "value"));
    if (thing.gradient) say(`gradient ${slopeName(thing)}`, element("div", { class: "gradient" }, arrayView(thing.gradient, "gradient")));
    const called = (keys) => [...new Set(keys)].slice(0, 12).map((other) => all.get(other).symbol ?? titleOf(all.get(other))).join(", ");
    const [sources, users] = [data.edges.filter((edge) => edge.target === key).map((edge) => edge.source), usersOf.get(key) ?? []];
    if (sources.length) say("computed from", called(sources));
    if (users.length) say(users.length > 1 ? `used ${users.length} times, by` : "used by", called(users) + (new Set(users).size > 12 ? ", …" : ""));
    if (thing.scope.length) say("scope", thing.scope.join(" / "));
    if (thing.line) say("recorded at", thing.line);
    for (const edge of data.edges.filter((edge) => edge.target === key && edge.shape))
      say(`local derivative ∂${thing.symbol}/∂${all.get(edge.source).symbol ?? "…"}`, derivativeView(edge));
    for (const [rule, positions] of rulesOf(thing)) say(`rule for argument ${positions.join(", ")}`, element("pre", { tabindex: 0 }, data.rules[rule]));
  } else {
    say("what", thing.kind === "scope" ? "module" : { repeat: "repeated parts", bundle: "alike leaves", turn: "a turn", part: "part of the graph" }[thing.kind] ?? thing.kind);
    say("in it", aboutGroup(thing));
    const result = groups.has(key) && summaryOf(thing).result;
    if (result) say(`gives ${result.symbol}, ${shaped(result.value.shape)}`, arrayView(result.value, "value"));
    if (!groups.has(key)) say("folded", "for good: what is in it is not in this page. Draw it with only=…");
  }
  const buttons = element("p");
  if (groups.has(key)) buttons.append(element("button", { type: "button", onclick: () => act(key) }, state.open.has(key) ? "Fold" : "Unfold"));
  if (differentiable.has(key))
    for (const [end, text] of [["from", "Paths from here"], ["to", "Paths to here"]])
      buttons.append(element("button", { type: "button", onclick: () => ((($(end).value = key), setEntry(end)), showPaths()) }, text), " ");
  $("details-title").textContent = nodes.has(key) ? nameOf(thing) : titleOf(thing);
  $("details").replaceChildren(buttons, list);
}

function rulesOf(node) {
  const found = new Map();
  (node.rules ?? []).forEach((rule, position) => {
    if (rule !== null) found.set(rule, [...(found.get(rule) ?? []), position]);
  });
  return found;
}

// A local derivative: a number, a small matrix, or what is known of a larger one.
function derivativeView(edge) {
  const [rows, columns] = edge.shape;
  const view = element("div", { class: "derivative", "data-part": "derivative" });
  const about = `matrix ${rows} × ${columns}`;
  if (!edge.derivative) {
    view.append(`${about}${edge.summary ? `, entries ${short(edge.summary)}` : ", as its rule applies it:"}`);
    const rule = nodes.get(edge.target)?.rules?.[edge.position];
    if (!edge.summary && typeof rule === "number") view.append(element("pre", { tabindex: 0 }, data.rules[rule]));
    return view;
  }
  const [at, by, values] = edge.derivative;
  if (rows * columns <= 36) {
    const entries = Array(rows * columns).fill(0);
    values.forEach((value, i) => (entries[at[i] * columns + by[i]] = value));
    view.append(arrayView({ shape: rows * columns === 1 ? [] : edge.shape, entries }, "derivative-entries"));
  } else if (values.every((_, i) => at[i] === by[i])) {
    view.append(`diagonal, ${about}`, element("div", { class: "numbers" }, values.slice(0, 8).map((value) => written(value)).join("  ") + (values.length > 8 ? " …" : "")));
  } else {
    view.append(`${about}, ${counted(values.length, "entry").replace("entrys", "entries")} not 0`, element("div", { class: "numbers" }, values.slice(0, 8).map((value) => written(value)).join("  ") + " …"));
  }
  return view;
}

// ---- the steps -------------------------------------------------------------------------------------

$("step").max = lastStep + 1; // there everything is shown
$("step").addEventListener("input", () => goTo(Number($("step").value)));
$("next").addEventListener("click", () => goTo((state.step ?? -1) + 1));
$("back").addEventListener("click", () => goTo(Math.max(0, (state.step ?? lastStep + 1) - 1)));
$("all").addEventListener("click", () => goTo(null));

function goTo(step) {
  if (step > lastStep) step = null;
  state.step = step;
  $("step").value = step ?? lastStep + 1;
  const { title, body, node } = sayStep(step);
  $("step").setAttribute("aria-valuetext", title);
  $("step-said").textContent = title;
  $("step-text").replaceChildren(...body);
  if (node) {
    const drawn = drawnAs(node);
    bringIntoView(scene.all.get(drawn));
    if (drawn !== node) $("step-text").prepend(element("p", {}, `in ${titleOf(all.get(drawn))} `, element("button", { type: "button", onclick: () => (reveal(node), goTo(step)) }, "Unfold")));
  }
  showState();
}

function sayStep(step) {
  if (step === null) return { title: "All values and gradients are shown.", body: [] };
  if (step === 0) return { title: "Before the forward pass: only the leaves have values.", body: [] };
  if (step < seeding) {
    const node = nodes.get(data.forward[step - 1]);
    const arguments_ = data.edges.filter((edge) => edge.target === node.key).map((edge) => all.get(edge.source));
    const known = [...new Set(arguments_)].filter((argument) => argument.value).map((argument) => labelled(argument.symbol, arrayView(argument.value, "argument")));
    return {
      node: node.key,
      title: `Forward ${step} of ${data.forward.length}: ${nameOf(node)}`,
      body: [element("div", { class: "part" }, ...known, labelled(node.symbol, arrayView(node.value, "result")))],
    };
  }
  if (step === seeding) {
    const heads = data.heads.map((key) => nodes.get(key)).filter((head) => head?.gradient);
    return {
      node: heads[0]?.key,
      title: `The backward pass begins at ${heads.map((head) => head.symbol).join(", ")}.`,
      body: heads.map((head) => element("div", { class: "part gradient" }, labelled(slopeName(head), arrayView(head.gradient, "incoming")))),
    };
  }
  const turn = data.backward[step - seeding - 1];
  const node = nodes.get(turn.node);
  return {
    node: node.key,
    title: `Backward ${step - seeding} of ${data.backward.length}: ${nameOf(node)}`,
    body: [element("div", { class: "gradient" }, labelled(`incoming ${slopeName(node)}`, arrayView(node.gradient, "incoming"))), ...turn.parts.map((part) => sayPart(node, part))],
  };
}

const labelled = (label, ...what) => element("div", {}, element("span", { class: "faint" }, label), ...what);

function sayPart(node, part) {
  const parent = all.get(part.to);
  const symbol = parent.symbol ?? titleOf(parent);
  const edge = part.edge === null ? null : data.edges[part.edge];
  const said = [element("h3", {}, `to ${symbol}`)];
  if (edge?.shape) said.push(labelled(`local derivative ∂${node.symbol}/∂${symbol}`, derivativeView(edge)));
  const product = element("div", { class: "gradient" }, labelled(`product ∂${data.of}/∂${node.symbol} · ∂${node.symbol}/∂${symbol}`, arrayView(part.product, "product")));
  said.push(product);
  if (part.sum) {
    const done = part.arrived === part.uses ? `the sum over all ${part.uses} uses` : `sum so far, ${part.arrived} of ${part.uses} uses`;
    said.push(element("div", { class: "gradient sum" }, labelled(`∂${data.of}/∂${symbol}, ${done}`, arrayView(part.sum, "sum"))));
  } else said.push(element("p", { class: "faint" }, `the only use of ${symbol}: this is ∂${data.of}/∂${symbol}`));
  return element("div", { class: "part", "data-to": part.to }, ...said);
}

// What is known at a step: which gradients, as sums so far.
function gradientsAt(step) {
  const known = new Map();
  for (const key of data.heads) if (step >= seeding && nodes.get(key)?.gradient) known.set(key, nodes.get(key).gradient);
  for (const turn of data.backward.slice(0, Math.max(0, step - seeding))) for (const part of turn.parts) known.set(part.to, part.sum ?? part.product);
  return known;
}

// Mark what has had its turn, what is found, what is on the paths.
function showState() {
  const { step } = state;
  const known = step === null ? null : gradientsAt(step);
  const turn = step > seeding ? data.backward[step - seeding - 1] : null;
  const now = step === null || step === 0 ? null : step < seeding ? data.forward[step - 1] : (turn?.node ?? data.heads[0]);
  const nowItem = now && scene.items.get(drawnAs(now));
  for (const item of scene.items.values()) {
    const node = nodes.get(item.key) ?? (groups.has(item.key) ? summaryOf(groups.get(item.key)).result : null);
    const keys = nodes.has(item.key) ? [item.key] : (inside.get(item.key) ?? []);
    const first = Math.min(...keys.map((key) => turnOf.get(key) ?? (nodes.get(key)?.kind === "operation" ? 0 : keys.length > 1 ? Infinity : 0)));
    const computed = step === null || (node && turnOf.get(node.key) ? turnOf.get(node.key) <= step : true);
    item.drawn.classList.toggle("waiting", step !== null && first > step && first < Infinity);
    item.drawn.classList.toggle("now", item === nowItem);
    item.drawn.classList.toggle("chosen", item.key === state.chosen);
    item.drawn.classList.toggle("found", matches.includes(item.key));
    if (nodes.has(item.key)) item.drawn.setAttribute("aria-pressed", item.key === state.chosen);
    item.texts.value?.setAttribute("visibility", computed ? "visible" : "hidden");
    if (item.texts.slope) {
      const gradient = known ? known.get(node.key) : node.gradient;
      item.texts.slope.setAttribute("visibility", gradient ? "visible" : "hidden");
      if (gradient) item.texts.slope.textContent = cut(`${slopeName(node)} = ${short(gradient)}`);
    }
  }
  for (const frame of scene.frames) frame.drawn.classList.toggle("found", matches.includes(frame.key));
  const shares = sharesOfPaths();
  for (const edge of scene.edges.values()) {
    const handing = turn && edge.uses.some((use) => use.target === turn.node && use.flows);
    edge.drawn.classList.toggle("now", Boolean(handing));
    edge.drawn.classList.toggle("forward", Boolean(now && !turn && step < seeding && edge.uses.some((use) => use.target === now)));
    const share = shares.get(edge.name);
    edge.drawn.classList.toggle("path", Boolean(share));
    edge.drawn.classList.toggle("off", shares.size > 0 && !share);
    edge.drawn.style.stroke = share ? `var(--path${(share.path % COLOURS) + 1})` : "";
    edge.drawn.style.strokeWidth = share ? 1.5 + 4 * share.size : "";
  }
}

// ---- the paths between two entries -----------------------------------------------------------------

const differentiable = new Set(data.edges.filter((edge) => edge.flows && nodes.has(edge.source)).map((edge) => edge.source));
for (const key of data.heads) if (nodes.has(key)) differentiable.add(key);
const order = [...data.nodes.filter((node) => !turnOf.has(node.key)).map((node) => node.key), ...data.forward];
for (const key of order.filter((key) => differentiable.has(key)))
  for (const end of ["from", "to"]) $(end).append(element("option", { value: key }, cut(fullName(nodes.get(key)) || nameOf(nodes.get(key)))));
$("to").value = data.heads.find((key) => differentiable.has(key)) ?? "";

function setEntry(end) {
  const shape = nodes.get($(end).value)?.value.shape ?? [];
  const input = $(`${end}-entry`);
  input.value = shape.map(() => 0).join(",");
  input.disabled = !shape.length;
}
for (const end of ["from", "to"]) {
  $(end).addEventListener("change", () => setEntry(end));
  setEntry(end);
}

// The place of an entry in flat order, or what is wrong with it.
function placeOf(end) {
  if (!$(end).value) throw new RangeError("Choose two nodes.");
  const { symbol, value } = nodes.get($(end).value);
  const parts = $(`${end}-entry`).value.replace(/[[\]()\s]/g, "").split(",").filter(Boolean).map(Number);
  const right = parts.length === value.shape.length && parts.every((part, i) => Number.isInteger(part) && part >= -value.shape[i] && part < value.shape[i]);
  if (!right) throw new RangeError(`${symbol} has shape ${shaped(value.shape)}: an entry of it is ${value.shape.map((size) => `0…${size - 1}`).join(", ") || "itself"}`);
  return parts.reduce((place, part, i) => place * value.shape[i] + (part < 0 ? part + value.shape[i] : part), 0);
}

function showPaths() {
  const [from, to] = [$("from").value, $("to").value];
  try {
    const entries = [placeOf("from"), placeOf("to")];
    state.paths = { from, to, entries, ...pathsBetween(from, entries[0], to, entries[1], order, data.edges, 10) };
    $("paths-text").replaceChildren(...sayPaths(state.paths));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    state.paths = null;
    $("paths-text").replaceChildren(element("p", {}, error.message));
  }
  showState();
}

function sayPaths({ from, to, entries, total, count, paths, rest, missing }) {
  const entry = (key, place) => nodes.get(key).symbol + bracketed(place, nodes.get(key).value.shape);
  const whole = `∂${entry(to, entries[1])}/∂${entry(from, entries[0])}`;
  if (missing.length) {
    const edge = missing[0];
    const what = edge.shape ? `The local derivative of ${nodes.get(edge.target).symbol} by ${nodes.get(edge.source).symbol}, ${edge.shape.join(" × ")}, is too large for this page.` : "These paths lead through a part of the graph that is too large for this page.";
    return [element("p", {}, `${what} In Python, paths(loss, w, index) follows them.`)];
  }
  if (!count) return [element("p", {}, `${whole} = 0: there is no path on which no local derivative is 0.`)];
  const list = paths.map((path, i) => {
    const factors = [...path.steps].reverse();
    const said = factors.slice(0, 12).map(({ edge, derivative, next }, j) => {
      const before = factors[j + 1]?.next ?? { node: from, entry: entries[0] };
      return `∂${entry(next.node, next.entry)}/∂${entry(before.node, before.entry)}`;
    });
    const numbers = factors.slice(0, 12).map(({ derivative }) => (derivative < 0 ? `(${written(derivative)})` : written(derivative)));
    const more = factors.length > 12 ? " · …" : "";
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `var(--path${(i % COLOURS) + 1})`;
    return element("li", { "data-part": "path" }, swatch, number(path.product), element("div", { class: "faint" }, said.join(" · ") + more), element("div", {}, `= ${numbers.join(" · ")}${more}`));
  });
  const others = count - BigInt(paths.length);
  const digits = (n) => n.toLocaleString("en");
  return [
    element("p", { "data-part": "count" }, `${whole} is the sum over ${digits(count)} ${count === 1n ? "path" : "paths"}${others ? `, of which these are the ${paths.length} largest` : ""}:`),
    element("ol", {}, ...list),
    others ? element("p", {}, `${digits(others)} more: `, number(rest)) : "",
    element("p", { class: "sum", "data-part": "total" }, `${whole} = `, number(total)),
  ];
}

// For each drawn edge the first path that goes along it, and its size beside the largest.
function sharesOfPaths() {
  const shares = new Map();
  const largest = Math.abs(state.paths?.paths[0]?.product ?? 0) || 1;
  state.paths?.paths.forEach(({ product, steps }, path) => {
    for (const { edge } of steps) {
      const [a, b] = [drawnAs(edge.source), drawnAs(edge.target)];
      const name = `${a} ${b}`;
      if (a !== b && !shares.has(name)) shares.set(name, { path, size: Math.abs(product) / largest });
    }
  });
  return shares;
}

$("paths").addEventListener("submit", (event) => {
  event.preventDefault();
  showPaths();
});

function forgetPaths() {
  state.paths = null;
  $("paths-text").replaceChildren();
  showState();
}
$("forget").addEventListener("click", forgetPaths);

// ---- keys, and the beginning -----------------------------------------------------------------------

const KEYS = {
  n: () => $("next").click(),
  p: () => $("back").click(),
  "+": () => zoom(1.3),
  "-": () => zoom(1 / 1.3),
  0: () => fit(),
  "/": () => $("search").focus(),
  Escape: () => (goTo(null), forgetPaths()),
};
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=range]), select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

$("title").textContent = `Computation graph of ${data.of}: ${counted(data.operations, "operation")}`;
if (!data.backward.length) $("step").setAttribute("aria-label", "Step of the forward pass");
drawReadably();
goTo(null);
if (data.asked) {
  for (const end of ["from", "to"]) ($(end).value = data.asked[end]), setEntry(end);
  if (data.asked.entry.length) $("from-entry").value = data.asked.entry.join(",");
  showPaths();
}
