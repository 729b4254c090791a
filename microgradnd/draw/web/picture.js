// The picture: what is visible of the graph, laid out and drawn.
"use strict";

// ---- what is drawn ---------------------------------------------------------------------------------

// The outermost closed group that something is in, or itself.
function drawnAs(key) {
  let drawn = groups.has(key) && state.open.has(key) ? null : key;
  for (let group = all.get(key).group; group; group = all.get(group).group)
    if (!state.open.has(group)) drawn = group;
  return drawn;
}

const root = groups.get("o0") ?? { key: "", kind: "all", title: "" };
state.open.add(root.key);

const inside = new Map(); // the keys of the nodes and boxes anywhere in a group
for (const item of [...data.nodes, ...data.boxes])
  for (let group = item.group; group; group = all.get(group).group)
    (inside.get(group) ?? inside.set(group, []).get(group)).push(item.key);
const usersOf = new Map();
for (const edge of data.edges)
  (usersOf.get(edge.source) ?? usersOf.set(edge.source, []).get(edge.source)).push(edge.target);

// What a group is, in few words; and its result, if only one of its nodes is used outside.
function summaryOf(group) {
  if (group.summary) return group.summary;
  const keys = new Set(inside.get(group.key));
  const members = [...keys].map((key) => all.get(key));
  const sum = (value) => members.reduce((total, member) => total + value(member), 0);
  const operations = sum((member) => member.operations ?? (member.kind === "operation" ? 1 : 0));
  const parameters = sum((member) =>
    member.kind === "parameter"
      ? member.value.shape.reduce((a, b) => a * b, 1)
      : (member.parameters ?? 0),
  );
  const leaving = [...keys].filter(
    (key) => data.heads.includes(key) || (usersOf.get(key) ?? []).some((user) => !keys.has(user)),
  );
  const result = leaving.length === 1 ? (nodes.get(leaving[0]) ?? null) : null;
  const turns = data.groups.filter((other) => other.group === group.key).length || members.length;
  const times = group.kind === "repeat" ? turns : 1;
  return (group.summary = { operations, parameters, result, times });
}

function titleOf(group) {
  const { operations, times } = groups.has(group.key) ? summaryOf(group) : group;
  const first = nodes.get(inside.get(group.key)?.[0]);
  const leaves =
    !operations && first
      ? `${first.symbol} and ${inside.get(group.key).length - 1} more`
      : counted(Math.round(operations / times), "operation");
  return (group.title || leaves) + (times > 1 ? ` × ${times}` : "");
}

const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

function aboutGroup(group) {
  const { operations, parameters, times } = groups.has(group.key) ? summaryOf(group) : group;
  return [
    operations && (group.title || times > 1) && counted(operations, "operation"),
    parameters && counted(parameters, "parameter"),
  ]
    .filter(Boolean)
    .join(", ");
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
    lines.push([
      "about",
      [fullName(thing), kind, shaped(thing.value.shape)].filter(Boolean).join(", "),
    ]);
  } else {
    lines.push(["heading", `${groups.has(key) ? "▸ " : ""}${cut(titleOf(thing))}`]);
    lines.push(["about", aboutGroup(thing)]);
    if (node) lines.push(["about", `gives ${node.symbol}, ${shaped(node.value.shape)}`]);
  }
  if (node) {
    if (short(node.value)) lines.push(["value", cut(short(node.value))]);
    if (node.gradient && short(node.gradient))
      lines.push(["slope", cut(`${slopeName(node)} = ${short(node.gradient)}`)]);
  }
  return lines.filter(([, text]) => text);
}

const cut = (text, longest = 38) =>
  text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;

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
      const head = {
        main: titled && state.down ? GAP.title : 0,
        cross: titled && !state.down ? GAP.title : 0,
      };
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
    const item = {
      key: drawn,
      lines,
      width,
      height,
      main: state.down ? height : width,
      cross: state.down ? width : height,
    };
    items.set(drawn, item);
    into(item, all.get(drawn).group || root.key);
  }
  const edges = new Map();
  for (const edge of data.edges) {
    const [source, target] = [items.get(drawnAs(edge.source)), items.get(drawnAs(edge.target))];
    if (source === target) continue;
    const name = linkName(source, target);
    if (!edges.has(name))
      edges.set(name, { name, source, target, uses: [], legs: legsOf(source, target) });
    edges.get(name).uses.push(edge);
  }
  const whole = groupOf(root.key);
  layOut(whole, state.down ? GAP.mainDown : GAP.main);
  place(whole, 0, 0);
  const depth = (group) => (group.outer ? 1 + depth(group.outer) : 0);
  const frames = [...made.values()]
    .filter((group) => group !== whole)
    .sort((a, b) => depth(a) - depth(b));
  scene = {
    items,
    edges,
    frames,
    all: new Map([...frames.map((frame) => [frame.key, frame]), ...items]),
    whole,
  };
  $("view").replaceChildren(
    ...frames.map(drawFrame),
    ...[...edges.values()].flatMap(drawEdge),
    ...[...items.values()].map(drawItem),
  );
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
  Object.assign(group, {
    x,
    y,
    width: state.down ? group.cross : group.main,
    height: state.down ? group.main : group.cross,
  });
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
    {
      class: `item frame${group.mark ? " asked" : ""}`,
      role: "button",
      "aria-expanded": "true",
      "aria-label": `${title}, unfolded. ${aboutGroup(group)}`,
      tabindex: -1,
      "data-key": frame.key,
    },
    element("svg:rect", {
      x: frame.x,
      y: frame.y,
      width: frame.width,
      height: frame.height,
      rx: 8,
      "pointer-events": "none",
    }),
    element(
      "svg:text",
      { x: frame.x + 10, y: frame.y + 17 },
      `▾ ${cut(title, Math.max(8, frame.width / 7))}`,
    ),
  );
  return frame.drawn;
}

function drawItem(item) {
  const thing = all.get(item.key);
  const kind = nodes.has(item.key)
    ? data.heads.includes(item.key) && thing.operation
      ? "head"
      : thing.kind
    : "box";
  const folded = groups.has(item.key) ? "false" : undefined;
  item.texts = {};
  const texts = item.lines.map(
    ([line, text], i) =>
      (item.texts[line] = element(
        "svg:text",
        { class: line, x: item.x + 10, y: item.y + 18 + i * LINE },
        text,
      )),
  );
  const label =
    item.lines.map(([, text]) => text.replace("▸ ", "")).join(", ") +
    (nodes.has(item.key) ? "" : ", folded");
  item.drawn = element(
    "svg:g",
    {
      class: `item ${kind}${thing.mark ? " asked" : ""}`,
      role: "button",
      "aria-label": label,
      "aria-expanded": folded,
      tabindex: -1,
      "data-key": item.key,
    },
    element("svg:rect", { x: item.x, y: item.y, width: item.width, height: item.height, rx: 6 }),
    ...texts,
  );
  return item.drawn;
}

function drawEdge(edge) {
  const { source, target } = edge;
  const end = (item, share) =>
    state.down
      ? [item.x + item.width / 2, item.y + item.height * share]
      : [item.x + item.width * share, item.y + item.height / 2];
  const points = [end(source, 1)];
  for (const { group, a, b } of edge.legs)
    for (const bend of [a, ...(group.bends.get(linkName(a, b)) ?? []), b].filter(
      (item) => item.bend || item.port,
    )) {
      const across = bend.over + bend.cross / 2;
      for (const along of [bend.at, bend.at + bend.main])
        points.push(
          state.down ? [group.x + across, group.y + along] : [group.x + along, group.y + across],
        );
    }
  points.push(end(target, 0));
  let path = `M${points[0]}`;
  for (let i = 1; i < points.length; i++) {
    const [[x1, y1], [x2, y2]] = [points[i - 1], points[i]];
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
    path += state.down
      ? ` C${x1},${my} ${x2},${my} ${x2},${y2}`
      : ` C${mx},${y1} ${mx},${y2} ${x2},${y2}`;
  }
  const still = edge.uses.every((use) => !use.flows);
  edge.drawn = element("svg:path", {
    class: `edge${still ? " still" : ""}`,
    d: path,
    "marker-end": "url(#tip)",
    "data-edge": edge.name,
  });
  const label = edge.uses.length === 1 ? factorOf(edge.uses[0]) : `× ${edge.uses.length}`;
  if (!label) return [edge.drawn];
  const [[x1, y1], [x2, y2]] = points.slice(-2);
  return [
    edge.drawn,
    element(
      "svg:text",
      { class: "factor", x: x1 + (x2 - x1) * 0.55, y: y1 + (y2 - y1) * 0.55 - 3 },
      label,
    ),
  ];
}

// What a small local derivative is, in a few characters.
function factorOf(edge) {
  if (!edge.derivative) return "";
  const [rows, columns, values] = edge.derivative;
  if (edge.shape[0] === 1 && edge.shape[1] === 1) return written(values[0] ?? 0, 3);
  const even =
    values.length === edge.shape[0] &&
    edge.shape[0] === edge.shape[1] &&
    values.every((value, i) => value === values[0] && rows[i] === columns[i]);
  return even ? (values[0] === 1 ? "I" : `${written(values[0], 3)}·I`) : "";
}
