// What the keys do, and how the page begins.
"use strict";

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

$("title").textContent = data.title;
if (!data.backward.length) $("step").setAttribute("aria-label", "Step of the forward pass");
draw();
fit(READABLE);
goTo(null);
if (data.asked) {
  const [from, to, entry] = data.asked;
  choosePathEnd("from", from);
  choosePathEnd("to", to);
  if (entry.length) $("from-entry").value = entry.join(",");
  showPaths();
}
