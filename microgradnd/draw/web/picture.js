// The picture: what is visible of the graph, laid out and drawn.

const LINE = 17; // the height of a line of text
const pen = document.createElement("canvas").getContext("2d");
const fonts = new Map(); // of each kind of line, as the style has it
function fontOf(kind) {
  const probe = element("svg:text", { class: kind });
  $("view").append(probe);
  const { font } = getComputedStyle(probe);
  probe.remove();
  return font;
}

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
  resize(state.scale);
  showState();
}

// A node, or the node that a group results in.
const shownNode = (key) => nodes.get(key) ?? nodes.get(all.get(key).result);

// The lines of a box: what stands in it, and what each line is.
function linesOf(key) {
  const [node, { caption, heading, about }] = [shownNode(key), all.get(key)];
  const lines = [["about", caption], ["heading", heading], ...about.map((line) => ["about", line])]
    .filter(([, text]) => text).map(([kind, text]) => [kind, cut(text)]);
  const put = (array, kind, ofRows, name) => {
    const rows = state.matrices && node.key === key && rowsOf(array);
    const { text } = known(array); // without, only its shape is known
    if (rows) lines.push(...name.map((name) => [kind, name]), ...rows.map((row) => [ofRows, row]));
    else if (text) lines.push([kind, cut([...name, text].join(" "), 60)]);
  };
  if (node) put(node.value, "value", "row", []);
  if (node?.gradient) put(node.gradient, "slope", "slopes", [`${node.gradient_name} =`]);
  return lines;
}

// The parts of a heading, in turn upright and, symbols of one letter, slanted.
const partsOf = (text) => text.split(/((?<![\p{L}\d._])[\p{L}](?![\p{L}_(])[₀-₉ᵀ²³]*)/u);

function widthOf(kind, text) {
  const measured = (kind, part) => ((pen.font = once(fonts, kind, () => fontOf(kind))), pen.measureText(part).width);
  if (kind !== "heading") return measured(kind, text);
  return partsOf(text).reduce((sum, part, i) => sum + measured(i % 2 ? "symbol" : kind, part), 0);
}

const widest = new Map(); // boxes, which do not shrink while numbers change
function sizedItem(key) {
  const lines = linesOf(key);
  const widths = lines.map(([kind, text], i) => widthOf(kind, !i && groups.has(key) ? `▸ ${text}` : text));
  const [at, height] = [`${key} ${lines.length}`, lines.length * LINE + 10];
  const width = Math.max(widest.get(at) ?? 80, Math.max(...widths) + 20);
  widest.set(at, width);
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
  const lines = item.lines ?? [["about", cut(thing.heading, Math.max(8, width / 7))]];
  const sign = folds ? (frame ? "▾ " : "▸ ") : "";
  const texts = lines.map(([kind, text], i) => {
    const place = { class: kind, x: x + 10, y: y + 18 + i * LINE };
    if (kind !== "heading") return element("svg:text", place, (i ? "" : sign) + text);
    const parts = partsOf((i ? "" : sign) + text).map((part, j) =>
      element("svg:tspan", { class: j % 2 ? "symbol" : undefined }, part));
    return element("svg:text", place, ...parts);
  });
  const said = lines.map(([, text]) => text).join(", ") + (node ? "" : ", folded");
  const attributes = {
    class: `item ${kind}${thing.mark && state.marked ? " asked" : ""}`,
    role: "button",
    tabindex: -1,
    "data-key": key,
    "aria-label": frame ? `${thing.heading}, unfolded. ${thing.about.join(", ")}` : said,
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
  const look = {
    class: kind, d: `M${points[0]} ${curves.join(" ")}`, "marker-end": "url(#tip)", "data-edge": edge.name,
  };
  edge.drawn = element("svg:path", look);
  const count = uses.reduce((sum, use) => sum + use.count, 0);
  const label = count > 1 ? `× ${count}` : labelOf(uses[0]);
  if (!label) return [edge.drawn];
  const [[x1, y1], [x2, y2]] = points.slice(-2);
  const spot = { class: "factor", x: x1 + (x2 - x1) * 0.55, y: y1 + (y2 - y1) * 0.55 - 3 };
  return [edge.drawn, element("svg:text", spot, label)];
}

// A local derivative in a few characters: a number, a row, or a multiple of the identity.
function labelOf({ derivative }) {
  const [height, width] = derivative?.shape ?? [];
  if (height > 100 || (height !== width && (height > 1 || width > 6)) || !derivative?.entries) return "";
  const [rows, columns, values] = derivative.entries;
  const numbers = Array.from(values, Number);
  if (height * width === 1) return written(numbers.reduce((a, b) => a + b, 0));
  const isDiagonal = height === width && numbers.length && rows.every((row, i) => row === columns[i]);
  if (isDiagonal && numbers.length === height && numbers.every((x) => x === numbers[0]))
    return { 1: "I", "-1": "−I" }[numbers[0]] ?? `${written(numbers[0])}·I`;
  if (isDiagonal || height > 1) return "";
  const row = new Array(width).fill(0);
  columns.forEach((column, i) => (row[column] = numbers[i]));
  return row.map((x) => written(x, 3)).join("  ");
}
