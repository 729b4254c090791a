// What the reader does to the picture: zoom and pan, fold and unfold, choose, search.
"use strict";

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
  const start = (room, size, along) =>
    size * scale <= room || !along ? (room - size * scale) / 2 : 0;
  state.view = {
    scale,
    x: start(width, whole.width, !state.down),
    y: start(height, whole.height, state.down),
  };
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
  for (const [axis, room, from, size] of [
    ["x", width, item.x, item.width],
    ["y", height, item.y, item.height],
  ]) {
    const start = view[axis] + from * view.scale;
    if (start < 10 || start + size * view.scale > room - 10) {
      const spare = room - scene.whole[axis === "x" ? "width" : "height"] * view.scale; // no more emptiness than there must be
      view[axis] =
        spare > 0
          ? spare / 2
          : Math.min(0, Math.max(spare, room / 2 - (from + size / 2) * view.scale));
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
    zoom(
      Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)),
      event.clientX - left,
      event.clientY - top,
    );
  },
  { passive: false },
);

// ---- folding, choosing, searching ------------------------------------------------------------------

const itemOf = (event) => event.target.closest?.("[data-key]")?.getAttribute("data-key");

function toggle(key) {
  const before = scene.all.get(key);
  const was = before && [
    before.x * state.view.scale + state.view.x,
    before.y * state.view.scale + state.view.y,
  ];
  state.open.has(key) ? state.open.delete(key) : state.open.add(key);
  state.focus = key;
  draw();
  const after = scene.all.get(key);
  if (was && after)
    Object.assign(state.view, {
      x: was[0] - after.x * state.view.scale,
      y: was[1] - after.y * state.view.scale,
    });
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
svg.addEventListener(
  "pointerover",
  (event) =>
    event.pointerType === "mouse" && !pointers.size && itemOf(event) && describe(itemOf(event)),
);
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
  for (let group = all.get(key).group; group; group = all.get(group).group) state.open.add(group);
  draw();
  bringIntoView(scene.all.get(key));
}

let matches = [];
let match = -1;
$("search").addEventListener("input", () => {
  const wanted = $("search").value.trim().toLowerCase();
  const texts = (thing) => [
    thing.symbol,
    thing.name,
    thing.operation,
    thing.formula,
    thing.title,
    thing.caption,
  ];
  matches = wanted
    ? [...all.values()]
        .filter(
          (thing) =>
            thing !== root && texts(thing).some((text) => text?.toLowerCase().includes(wanted)),
        )
        .map((thing) => thing.key)
    : [];
  match = -1;
  $("found").textContent = wanted
    ? `${matches.length} found${matches.length ? ", Enter goes there" : ""}`
    : "";
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
