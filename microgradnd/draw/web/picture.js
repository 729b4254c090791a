// The picture: what is visible of the graph, laid out and drawn.
"use strict";

const LINE = 17; // the height of a line of text
const FONTS = { heading: "600 13px", about: "11px", value: "12px", slope: "12px" };
const pen = document.createElement("canvas").getContext("2d");

function* around(key) {
  for (let group = all.get(key).group; group; group = all.get(group).group) yield group;
}

// The outermost closed group that something is in, or itself.
const drawnAs = (key) => [...around(key)].findLast((group) => !state.open.has(group)) ?? key;

const inside = new Map(); // the keys of the nodes anywhere in a group
for (const { key } of data.nodes)
  for (const group of around(key)) (inside.get(group) ?? inside.set(group, []).get(group)).push(key);

// Lay out what is visible, and draw it.
function draw() {
  const whole = { key: "", items: [], links: new Map(), head: { main: 0, cross: 0 } };
  const frames = new Map([["", whole]]);
  const putIn = (item, group) => {
    item.outer = frames.get(group) ?? frameOf(group);
    item.outer.items.push(item);
    return item;
  };
  const frameOf = (key) => {
    const head = state.down ? { main: GAP.title, cross: 0 } : { main: 0, cross: GAP.title };
    const frame = { key, items: [], links: new Map(), head };
    frames.set(key, frame);
    return putIn(frame, all.get(key).group);
  };
  const items = new Map();
  for (const key of data.order.map(drawnAs))
    if (!items.has(key)) items.set(key, putIn(sizedItem(key), all.get(key).group));
  const edges = new Map();
  for (const use of data.edges) {
    const [source, target] = [items.get(drawnAs(use.source)), items.get(drawnAs(use.target))];
    if (source === target) continue;
    const name = `${source.key} ${target.key}`;
    if (!edges.has(name))
      edges.set(name, { name, source, target, uses: [], legs: legsOf(source, target) });
    edges.get(name).uses.push(use);
  }
  layOut(whole, state.down ? GAP.mainDown : GAP.main);
  place(whole, 0, 0);
  frames.delete("");
  scene = { items, edges, frames, all: new Map([...frames, ...items]), whole };
  $("view").replaceChildren(
    ...[...frames.values()].sort((a, b) => depth(a) - depth(b)).map(drawFrame),
    ...[...edges.values()].flatMap(drawEdge),
    ...[...items.values()].map(drawItem),
  );
  const first = scene.all.get(state.focus) ?? items.values().next().value;
  state.focus = first.key;
  first.drawn.setAttribute("tabindex", 0);
  zoomTo(state.scale);
  showState();
}

const slopeOf = (node, gradient) => cut(`${node.gradient_name} = ${gradient.text}`);
const depth = (item) => (item.outer ? 1 + depth(item.outer) : 0);

function sizedItem(key) {
  const node = nodes.get(key) ?? nodes.get(all.get(key).result);
  const lines = [...all.get(key).lines];
  if (node?.value.text) lines.push(["value", node.value.text]);
  if (node?.gradient) lines.push(["slope", slopeOf(node, node.gradient)]);
  const widths = lines.map(([kind, text]) => {
    pen.font = `${FONTS[kind]} system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif`;
    return pen.measureText(kind === "heading" && groups.has(key) ? `▸ ${text}` : text).width;
  });
  const [width, height] = [Math.max(60, ...widths) + 20, lines.length * LINE + 10];
  const [main, cross] = state.down ? [height, width] : [width, height];
  return { key, lines, width, height, main, cross };
}

// The way of an edge through the groups: out of those around the source, over the group where both
// ends meet, and into those around the target. Each leg is a link between items of one group.
function legsOf(source, target) {
  const [leaving, entering] = [source, target].map((item) => {
    const outers = [];
    for (let { outer } = item; outer; outer = outer.outer) outers.push(outer);
    return outers;
  });
  const meeting = leaving.find((group) => entering.includes(group));
  const left = leaving.slice(0, leaving.indexOf(meeting));
  const entered = entering.slice(0, entering.indexOf(meeting)).reverse();
  const port = (group, way) => {
    const key = `${way} ${source.key}`;
    let found = group.items.find((item) => item.key === key);
    if (!found) group.items.push((found = { key, port: way, main: 0, cross: 6, outer: group }));
    return found;
  };
  const leg = (group, a, b) => {
    const name = `${a.key} ${b.key}`;
    return group.links.get(name) ?? group.links.set(name, { group, a, b }).get(name);
  };
  return [
    ...left.map((group, i) => leg(group, left[i - 1] ?? source, port(group, "out"))),
    leg(meeting, left.at(-1) ?? source, entered[0] ?? target),
    ...entered.map((group, i) => leg(group, port(group, "in"), entered[i + 1] ?? target)),
  ];
}

// From places along the flow and across it, within a group, to x and y on the page.
function place(item, x, y) {
  Object.assign(item, { x, y });
  if (!item.items) return;
  [item.width, item.height] = state.down ? [item.cross, item.main] : [item.main, item.cross];
  for (const each of item.items) {
    const [across, along] = state.down ? [each.over, each.at] : [each.at, each.over];
    place(each, x + across, y + along);
  }
}

// ---- elements --------------------------------------------------------------------------------------

// What is drawn of a frame or an item, which can be chosen.
function button(item, kind, attributes, box, texts) {
  const { x, y, width, height } = item;
  const mark = all.get(item.key).mark ? " asked" : "";
  const shared = { class: `item ${kind}${mark}`, role: "button", tabindex: -1, "data-key": item.key };
  const rect = element("svg:rect", { x, y, width, height, ...box });
  return (item.drawn = element("svg:g", { ...shared, ...attributes }, rect, ...texts));
}

function drawFrame(frame) {
  const { title, about } = all.get(frame.key);
  const label = `${title}, unfolded. ${about.join(", ")}`;
  const text = `▾ ${cut(title, Math.max(8, frame.width / 7))}`;
  return button(
    frame,
    "frame",
    { "aria-expanded": "true", "aria-label": label },
    { rx: 8, "pointer-events": "none" },
    [element("svg:text", { x: frame.x + 10, y: frame.y + 17 }, text)],
  );
}

function drawItem(item) {
  const node = nodes.get(item.key);
  const isHead = data.heads.includes(item.key) && node?.operation;
  const folded = groups.has(item.key);
  item.texts = {};
  const texts = item.lines.map(([kind, text], i) => {
    const place = { class: kind, x: item.x + 10, y: item.y + 18 + i * LINE };
    const made = element("svg:text", place, folded && kind === "heading" ? `▸ ${text}` : text);
    return (item.texts[kind] = made);
  });
  const label = item.lines.map(([, text]) => text).join(", ") + (node ? "" : ", folded");
  const attributes = { "aria-label": label, "aria-expanded": folded ? "false" : undefined };
  return button(item, isHead ? "head" : (node?.kind ?? "box"), attributes, { rx: 6 }, texts);
}

function drawEdge(edge) {
  const { source, target, uses } = edge;
  const onPage = ({ x, y }, along, across) =>
    state.down ? [x + across, y + along] : [x + along, y + across];
  const end = (item, share) => onPage(item, item.main * share, item.cross / 2);
  const points = [end(source, 1)];
  for (const { group, chain } of edge.legs)
    for (const bend of chain.filter((item) => item.bend || item.port))
      for (const along of [bend.at, bend.at + bend.main])
        points.push(onPage(group, along, bend.over + bend.cross / 2));
  points.push(end(target, 0));
  let path = `M${points[0]}`;
  points.slice(1).forEach(([x2, y2], i) => {
    const [x1, y1] = points[i];
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    path += state.down
      ? ` C${x1},${my} ${x2},${my} ${x2},${y2}`
      : ` C${mx},${y1} ${mx},${y2} ${x2},${y2}`;
  });
  edge.drawn = element("svg:path", {
    class: uses.some((use) => use.flows) ? "edge" : "edge still",
    d: path,
    "marker-end": "url(#tip)",
  });
  const count = uses.reduce((sum, use) => sum + use.count, 0);
  const label = count > 1 ? `× ${count}` : uses[0].derivative?.label;
  if (!label) return [edge.drawn];
  const [[x1, y1], [x2, y2]] = points.slice(-2);
  const spot = { class: "factor", x: x1 + (x2 - x1) * 0.55, y: y1 + (y2 - y1) * 0.55 - 3 };
  return [edge.drawn, element("svg:text", spot, label)];
}
