// What the reader does to the picture: zoom and pan, fold and unfold, choose, search.

const [svg, picture] = [$("graph"), $("picture")];

// The size of the whole picture on the screen.
function resize(scale) {
  const { width, height } = scene.whole;
  state.scale = scale;
  const sizes = { viewBox: `0 0 ${width} ${height}`, width: width * scale, height: height * scale };
  for (const [name, value] of Object.entries(sizes)) svg.setAttribute(name, value);
}

// Change the scale by a factor; what is at x and y within the window stays there.
function zoom(factor, x = picture.clientWidth / 2, y = picture.clientHeight / 2) {
  const scale = Math.min(4, Math.max(0.05, state.scale * factor));
  const by = scale / state.scale;
  const [left, top] = [(picture.scrollLeft + x) * by - x, (picture.scrollTop + y) * by - y];
  resize(scale);
  picture.scrollTo(left, top);
}

const room = () => [picture.clientWidth, picture.clientHeight];

// Show the whole picture; or as much of it as can be read, from where it begins.
function fit(least = 0.08, [across, high] = room()) {
  const { width, height } = scene.whole;
  resize(Math.min(isTalk() ? 4 : 1.5, Math.max(least, 0.99 * Math.min(across / width, high / height))));
  const beyond = [width * state.scale - across, height * state.scale - high];
  picture.scrollTo(...(state.down ? [beyond[0] / 2, 0] : [0, beyond[1] / 2]));
}

const LARGE = 1.4; // the least scale of a picture for a lecture hall
const isTalk = () => document.body.classList.contains("talk");
const redraw = (change) => () => {
  change();
  const before = room(); // as the browser lays out all that is drawn to say it
  draw();
  fit(isTalk() ? LARGE : READABLE, before);
};

const bringIntoView = ({ drawn }) => drawn.scrollIntoView({ block: "nearest", inline: "nearest" });

let moved = 0; // how far the pointer has dragged the picture
picture.addEventListener("pointerdown", () => (moved = 0));
picture.addEventListener("pointermove", ({ buttons, pointerType, movementX, movementY }) => {
  if (!buttons || pointerType !== "mouse") return; // touch scrolls
  moved += Math.hypot(movementX, movementY);
  picture.scrollBy(-movementX, -movementY);
});
const zoomByWheel = (event) => {
  event.preventDefault();
  const { left, top } = picture.getBoundingClientRect();
  const factor = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015));
  zoom(factor, event.clientX - left, event.clientY - top);
};
picture.addEventListener("wheel", zoomByWheel, { passive: false });

// ---- folding, choosing, searching ------------------------------------------------------------------

// Choose a node; or fold or unfold a group, which stays where it is on the screen.
function act(key) {
  if (groups.has(key)) {
    const place = () => scene.all.get(key).drawn.getBoundingClientRect();
    const before = place();
    if (!state.open.delete(key)) state.open.add(key);
    draw();
    picture.scrollBy(place().left - before.left, place().top - before.top);
  } else state.chosen = state.chosen === key ? null : key;
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

const ARROWS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
const ON_AN_ITEM = {
  click: (key) => moved <= 4 && act(key),
  focusin: describe,
  pointerover: (key, event) => event.pointerType === "mouse" && !event.buttons && describe(key),
  keydown: (key, event) => {
    if (!ARROWS[event.key] && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!ARROWS[event.key]) return act(key);
    const keys = [...scene.all.keys()]; // frames, and the rest in the order of computing
    const next = keys[keys.indexOf(key) + ARROWS[event.key]];
    if (next) (focusOn(next), bringIntoView(scene.all.get(next)));
  },
};
for (const [kind, happens] of Object.entries(ON_AN_ITEM))
  svg.addEventListener(kind, (event) => {
    const key = event.target.closest?.("[data-key]")?.getAttribute("data-key");
    if (key) happens(key, event);
  });
svg.addEventListener("pointerleave", () => state.chosen && describe(state.chosen));
// The path that the pointer is on: that of the colour there.
const pathAt = ({ target }) => (target.dataset?.path ? Number(target.dataset.path) : null);
svg.addEventListener("pointerover", (event) => lookAtPath(pathAt(event) ?? state.pinned));
svg.addEventListener("click", (event) => moved <= 4 && pathAt(event) !== null && pinPath(pathAt(event)));

// Open all groups around something, so that it is drawn.
function reveal(key) {
  for (const group of around(key)) state.open.add(group);
  draw();
  bringIntoView(scene.all.get(key));
}

const SEARCHED = ["heading", "name", "operation", "caption"];
let [matches, match] = [[], -1];
$("search").addEventListener("input", () => {
  const wanted = $("search").value.trim().toLowerCase();
  const fits = (item) => SEARCHED.some((part) => item[part]?.toLowerCase().includes(wanted));
  matches = wanted ? [...all.values()].filter(fits).map((item) => item.key) : [];
  match = -1;
  $("found").textContent = wanted ? `${matches.length} found, Enter goes there` : "";
  if (matches.length) describe(matches[0]);
  showState();
});
$("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !matches.length) return;
  match = (match + 1) % matches.length;
  $("found").textContent = `${match + 1} of ${matches.length}`;
  state.focus = matches[match];
  reveal(matches[match]);
  describe(matches[match]);
});

// ---- for a lecture hall: only the picture, large ---------------------------------------------------

const talk = redraw(() => {
  document.body.classList.toggle("talk");
  state.matrices ||= isTalk() && data.nodes.length <= 100;
});

const playing = new Map(); // what is played, by its button
function toggle(id, happens, times = 1) {
  clearInterval(playing.get(id));
  if (!playing.delete(id)) playing.set(id, setInterval(happens, 1000 / (times * Number($("speed").value))));
  $(id).textContent = playing.has(id) ? "Pause" : "Play";
}
function play() {
  toggle("play", () => (state.step === null ? play() : goTo(state.step + 1))); // up to the end
  if (playing.has("play") && state.step === null) goTo(0);
}
function faster(by) {
  const speed = $("speed");
  speed.selectedIndex = Math.min(speed.length - 1, Math.max(0, speed.selectedIndex + by));
  if (playing.has("play")) (play(), play());
}
$("speed").onchange = () => faster(0);

const next = () => goTo((state.step ?? -1) + 1);
const back = () => goTo(Math.max(0, (state.step ?? lastStep + 1) - 1));

// What the reader can do, by the id of its button: what happens, what that is called, its key, and
// what stands on the button if the page has none yet.
const COMMANDS = {
  next: [next, "next step", "n"],
  back: [back, "previous step", "p"],
  play: [play, "play the steps", "a"],
  all: [() => goTo(null), "show all"],
  slower: [() => faster(-1), "slower", "<"],
  faster: [() => faster(1), "faster", ">"],
  "unfold-all": [redraw(() => (state.open = new Set(groups.keys()))), "unfold all", "", "Unfold all"],
  "fold-all": [redraw(() => (state.open = new Set())), "fold all", "", "Fold all"],
  matrices: [redraw(() => (state.matrices = !state.matrices)), "matrices in full", "m", "Matrices"],
  turn: [redraw(() => (state.down = !state.down)), "turn the picture", "", "Turn"],
  "zoom-out": [() => zoom(1 / 1.3), "zoom out", "-", "−"],
  "zoom-in": [() => zoom(1.3), "zoom in", "+", "+"],
  fit: [() => fit(), "fit", "0", "Fit"],
  "save-svg": [saveSvg, "save as SVG", "s", "SVG"],
  "save-png": [savePng, "save as PNG", "i", "PNG"],
  talk: [talk, "present: the picture alone, large", "t", "Present"],
  find: [() => $("search").focus(), "search", "/"],
  forget: [forgetPaths, "clear the paths"],
  leave: [() => (playing.has("play") && play(), goTo(null), forgetPaths()), "leave a field; or the steps and the paths", "Escape"],
};
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=range]), select");
  if (typing && event.key === "Escape") event.target.blur();
  const command = Object.values(COMMANDS).find(([, , key]) => key === event.key);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !command) return;
  event.preventDefault();
  command[0]();
});
