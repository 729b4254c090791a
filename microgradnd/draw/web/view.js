// What the reader does to the picture: zoom and pan, fold and unfold, choose, search.
"use strict";

// ---- zoom and pan ----------------------------------------------------------------------------------

const svg = $("graph");

function drawView() {
  const { x, y, scale } = state.view;
  $("view").setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
}

const fitting = ({ width, height }) => Math.min(svg.clientWidth / width, svg.clientHeight / height);

// Show the whole picture; or as much of it as can be read, from where it begins.
function fit(least = 0.08) {
  const { whole } = scene;
  const scale = Math.min(1.5, Math.max(least, fitting(whole)));
  const start = (room, size, along) =>
    size * scale <= room || !along ? (room - size * scale) / 2 : 0;
  const x = start(svg.clientWidth, whole.width, !state.down);
  const y = start(svg.clientHeight, whole.height, state.down);
  state.view = { scale, x, y };
  drawView();
}

// Of a picture whose direction was not asked for, the direction in which more can be read.
function drawReadably() {
  draw();
  const before = fitting(scene.whole);
  if (data.direction === "LR" && before < READABLE) {
    state.down = true;
    draw();
    if (fitting(scene.whole) < 1.2 * before) {
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
  const { view } = state;
  for (const [axis, room, size] of [
    ["x", svg.clientWidth, "width"],
    ["y", svg.clientHeight, "height"],
  ]) {
    const [start, long] = [item[axis] * view.scale, item[size] * view.scale];
    if (view[axis] + start >= 10 && view[axis] + start + long <= room - 10) continue;
    const spare = room - scene.whole[size] * view.scale; // no more emptiness than there must be
    const middle = Math.min(0, Math.max(spare, room / 2 - start - long / 2));
    view[axis] = spare > 0 ? spare / 2 : middle;
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
    const [x, y] = [(now[0] + other[0]) / 2 - left, (now[1] + other[1]) / 2 - top];
    zoom(apart(now) / apart(before), x, y);
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
const zoomByWheel = (event) => {
  event.preventDefault();
  const { left, top } = svg.getBoundingClientRect();
  const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015));
  zoom(factor, event.clientX - left, event.clientY - top);
};
svg.addEventListener("wheel", zoomByWheel, { passive: false });

// ---- folding, choosing, searching ------------------------------------------------------------------

const itemOf = (event) => event.target.closest?.("[data-key]")?.getAttribute("data-key");

// Fold or unfold a group, which stays where it is on the screen.
function toggle(key) {
  const { x, y } = scene.all.get(key);
  state.open.has(key) ? state.open.delete(key) : state.open.add(key);
  state.focus = key;
  draw();
  const { view } = state;
  view.x += (x - scene.all.get(key).x) * view.scale;
  view.y += (y - scene.all.get(key).y) * view.scale;
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
  const { drawn } = scene.all.get(key);
  drawn.setAttribute("tabindex", 0);
  drawn.focus({ preventScroll: true });
}

svg.addEventListener("click", (event) => itemOf(event) && moved <= 4 && act(itemOf(event)));
svg.addEventListener("focusin", (event) => itemOf(event) && describe(itemOf(event)));
svg.addEventListener("pointerover", (event) => {
  if (event.pointerType === "mouse" && !pointers.size && itemOf(event)) describe(itemOf(event));
});
svg.addEventListener("pointerleave", () => state.chosen && describe(state.chosen));

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
svg.addEventListener("keydown", (event) => {
  const key = itemOf(event);
  if (!key || !(ARROWS[event.key] || event.key === "Enter" || event.key === " ")) return;
  event.preventDefault();
  if (!ARROWS[event.key]) return act(key);
  const next = beside(scene.all.get(key), ARROWS[event.key]);
  if (next) (focusOn(next.key), bringIntoView(next));
});

// The nearest item in a direction; what is aside counts as further away.
function beside(from, [dx, dy]) {
  const middle = (item) =>
    item.items ? [item.x + 30, item.y + 10] : [item.x + item.width / 2, item.y + item.height / 2];
  const [x, y] = middle(from);
  let [best, least] = [null, Infinity];
  for (const item of scene.all.values()) {
    const [ox, oy] = middle(item);
    const along = (ox - x) * dx + (oy - y) * dy;
    const aside = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
    if (item !== from && along > 1 && along + 2.5 * aside < least)
      [best, least] = [item, along + 2.5 * aside];
  }
  return best;
}

// Open all groups around something, so that it is drawn.
function reveal(key) {
  for (const group of around(key)) state.open.add(group);
  draw();
  bringIntoView(scene.all.get(key));
}

const SEARCHED = ["title", "name", "operation", "caption"];
let [matches, match] = [[], -1];
$("search").addEventListener("input", () => {
  const wanted = $("search").value.trim().toLowerCase();
  const fits = (item) => SEARCHED.some((part) => item[part]?.toLowerCase().includes(wanted));
  matches = wanted ? [...all.values()].filter(fits).map((item) => item.key) : [];
  match = -1;
  const hint = matches.length ? ", Enter goes there" : "";
  $("found").textContent = wanted ? `${matches.length} found${hint}` : "";
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

const redraw = (change) => () => (change(), draw(), fit(READABLE));
$("unfold-all").onclick = redraw(() => (state.open = new Set(groups.keys())));
$("fold-all").onclick = redraw(() => (state.open = new Set()));
$("turn").onclick = redraw(() => (state.down = !state.down));
$("zoom-in").onclick = () => zoom(1.3);
$("zoom-out").onclick = () => zoom(1 / 1.3);
$("fit").onclick = () => fit();
