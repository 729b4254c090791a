// The picture: what is visible of the graph, laid out and drawn.

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
  for (const group of around(key)) once(inside, group, () => []).push(key);

// Lay out what is visible, and draw it.
function draw() {
  const frame = (key, head) => ({ key, head, items: [], links: new Map(), ports: new Map() });
  const whole = frame("", { main: 0, cross: 0 });
  const [frames, items, edges] = [new Map([["", whole]]), new Map(), new Map()];
  const head = state.down ? { main: GAP.title, cross: 0 } : { main: 0, cross: GAP.title };
  const frameOf = (key) => once(frames, key, () => putIn(frame(key, head)));
  const putIn = (item) => {
    item.outer = frameOf(all.get(item.key).group);
    item.outer.items.push(item);
    return item;
  };
  for (const key of data.order.map(drawnAs)) once(items, key, () => putIn(sizedItem(key)));
  for (const use of data.edges) {
    const [source, target] = [use.source, use.target].map((key) => items.get(drawnAs(key)));
    if (source === target) continue;
    const edge = () => ({ name, source, target, uses: [], legs: legsOf(source, target) });
    const name = `${source.key} ${target.key}`;
    once(edges, name, edge).uses.push(use);
  }
  layOut(whole, state.down ? GAP.mainDown : GAP.main);
  place(whole, 0, 0);
  frames.delete("");
  scene = { items, edges, frames, all: new Map([...frames, ...items]), whole };
  $("view").replaceChildren(
    ...[...frames.values()].map(drawItem),
    ...[...edges.values()].flatMap(drawEdge),
    ...[...items.values()].map(drawItem),
  );
  if (!scene.all.has(state.focus)) state.focus = items.keys().next().value;
  scene.all.get(state.focus).drawn.setAttribute("tabindex", 0);
  zoomTo(state.scale);
  showState();
}

// A node, or the node that a group results in.
const shownNode = (key) => nodes.get(key) ?? nodes.get(all.get(key).result);
const slopeOf = (node, gradient) => cut(`${node.gradient_name} = ${gradient.text}`);

function sizedItem(key) {
  const [node, lines] = [shownNode(key), [...all.get(key).lines]];
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
  const outers = (item) => (item.outer ? [item.outer, ...outers(item.outer)] : []);
  const [leaving, entering] = [outers(source), outers(target)];
  while (leaving.at(-2) && leaving.at(-2) === entering.at(-2)) (leaving.pop(), entering.pop());
  const [meeting] = [leaving.pop(), entering.pop()];
  const port = (outer, way) =>
    once(outer.ports, `${way} ${source.key}`, () => {
      const made = { key: `${way} ${source.key}`, port: way, main: 0, cross: 6, outer };
      outer.items.push(made);
      return made;
    });
  const leg = (group, a, b) => once(group.links, `${a.key} ${b.key}`, () => ({ group, a, b }));
  entering.reverse();
  return [
    ...leaving.map((group, i) => leg(group, leaving[i - 1] ?? source, port(group, "out"))),
    leg(meeting, leaving.at(-1) ?? source, entering[0] ?? target),
    ...entering.map((group, i) => leg(group, port(group, "in"), entering[i + 1] ?? target)),
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

// What is drawn of a node, a folded group or, as a frame, of an open one.
function drawItem(item) {
  const { key, x, y, width, height, items: frame } = item;
  const [thing, node, folds] = [all.get(key), nodes.get(key), groups.has(key)];
  const isHead = data.heads.includes(key) && node?.operation;
  const kind = frame ? "frame" : isHead ? "head" : (node?.kind ?? "box");
  const lines = item.lines ?? [["about", cut(thing.title, Math.max(8, width / 7))]];
  const sign = folds ? (frame ? "▾ " : "▸ ") : "";
  item.texts = {};
  const texts = lines.map(([line, text], i) => {
    const place = { class: line, x: x + 10, y: y + 18 + i * LINE };
    return (item.texts[line] = element("svg:text", place, (i ? "" : sign) + text));
  });
  const said = lines.map(([, text]) => text).join(", ") + (node ? "" : ", folded");
  const attributes = {
    class: `item ${kind}${thing.mark ? " asked" : ""}`,
    role: "button",
    tabindex: -1,
    "data-key": key,
    "aria-label": frame ? `${thing.title}, unfolded. ${thing.about.join(", ")}` : said,
    "aria-expanded": folds ? String(Boolean(frame)) : undefined,
  };
  const box = { x, y, width, height, rx: 6, "pointer-events": frame ? "none" : undefined };
  return (item.drawn = element("svg:g", attributes, element("svg:rect", box), ...texts));
}

function drawEdge(edge) {
  const { source, target, uses } = edge;
  const onPage = ({ x, y }, along, across) =>
    state.down ? [x + across, y + along] : [x + along, y + across];
  const points = [onPage(source, source.main, source.cross / 2)];
  for (const { group, chain } of edge.legs)
    for (const bend of chain.filter((item) => item.bend || item.port))
      for (const along of [bend.at, bend.at + bend.main])
        points.push(onPage(group, along, bend.over + bend.cross / 2));
  points.push(onPage(target, 0, target.cross / 2));
  const curves = points.slice(1).map(([x, y], i) => {
    const [x0, y0] = points[i];
    const [mx, my] = [(x0 + x) / 2, (y0 + y) / 2];
    return state.down ? `C${x0},${my} ${x},${my} ${x},${y}` : `C${mx},${y0} ${mx},${y} ${x},${y}`;
  });
  const kind = uses.some((use) => use.flows) ? "edge" : "edge still";
  const look = { class: kind, d: `M${points[0]} ${curves.join(" ")}`, "marker-end": "url(#tip)" };
  edge.drawn = element("svg:path", look);
  const count = uses.reduce((sum, use) => sum + use.count, 0);
  const label = count > 1 ? `× ${count}` : uses[0].derivative?.label;
  if (!label) return [edge.drawn];
  const [[x1, y1], [x2, y2]] = points.slice(-2);
  const spot = { class: "factor", x: x1 + (x2 - x1) * 0.55, y: y1 + (y2 - y1) * 0.55 - 3 };
  return [edge.drawn, element("svg:text", spot, label)];
}
