// What stands beside the picture: all about a node, and what happens at each step of the passes.

const KINDS = {
  given: "from elsewhere", scope: "module", repeat: "repeated parts", bundle: "alike leaves",
  turn: "a turn", part: "part of the graph",
};

const SMALL = 36; // entries of a local derivative that is shown as a matrix
const DASH = 7; // of each path on an edge of several

let described = null; // what the panel is about

function describe(key) {
  const thing = all.get((described = key));
  const rows = [["what", thing.operation ? `operation ${thing.operation}` : (KINDS[thing.kind] ?? thing.kind)]];
  if (thing.name && thing.name !== thing.symbol) rows.unshift(["name", thing.name]);
  if (nodes.has(key)) rows.push(...aboutNode(thing));
  else {
    const result = nodes.get(thing.result);
    rows.push(["in it", thing.about.join(", ")]);
    if (result) rows.push([`result ${result.symbol}`, arrayView(result.value, "value")]);
    if (!thing.open) rows.push(["folded", "for good: what is in it is not in this page. Draw it with only=…"]);
  }
  const buttons = (differentiable.has(key) ? ENDS : []).map((end) =>
    element("button", { type: "button", onclick: () => (choosePathEnd(end, key), showPaths()) }, `Paths ${end} here`));
  const list = rows.flatMap(([term, what]) => [element("dt", {}, term), element("dd", {}, what)]);
  $("details-title").textContent = thing.heading;
  $("details").replaceChildren(element("p", { class: "stepper" }, ...buttons), element("dl", {}, ...list));
}

function aboutNode(node) {
  const [into, onward] = [edgesInto, edgesFrom].map((edges) => edges.get(node.key) ?? []);
  const listed = (keys) => {
    const names = [...new Set(keys)].map(called);
    return names.slice(0, 12).join(", ") + (names.length > 12 ? ", …" : "");
  };
  const rules = Map.groupBy(node.rules?.keys() ?? [], (position) => node.rules[position]);
  rules.delete(null);
  return [
    ["shape", `${shaped(node.value.shape)} ${node.value.dtype}`],
    ["value", arrayView(node.value, "value")],
    node.gradient && [`gradient ${node.gradient_name}`, gradientView("gradient", "", node.gradient, "gradient")],
    into.length && ["computed from", listed(into.map((edge) => edge.source))],
    onward.length && [
      node.uses > 1 ? `used ${node.uses} times, by` : "used by",
      listed(onward.map((edge) => edge.target)),
    ],
    node.scope && ["scope", node.scope.join(" / ")],
    node.line && ["recorded at", node.line],
    ...into
      .filter((edge) => edge.derivative)
      .map((edge) => [`local derivative ∂${node.symbol}/∂${called(edge.source)}`, derivativeView(edge)]),
    ...[...rules].map(([rule, at]) => [`rule for argument ${at.join(", ")}`, ruleView(rule)]),
  ].filter(Boolean);
}

const ruleView = (rule) => element("pre", { tabindex: 0 }, data.rules[rule]);

// A local derivative: a number, a matrix, or what is known of it, and the rule that applies it.
function derivativeView({ derivative, target, position = 0 }) {
  const { shape, entries } = derivative;
  const view = { shape: size(shape) === 1 ? [] : shape, text: "" };
  if (!entries) view.text = `matrix ${shaped(shape)}, as its rule applies it:`;
  else if (size(shape) <= SMALL) {
    view.entries = new Array(size(shape)).fill(0);
    entries[0].forEach((row, i) => (view.entries[row * shape[1] + entries[1][i]] = entries[2][i]));
  } else {
    const isDiagonal = entries[0].every((row, i) => row === entries[1][i]);
    view.text = `matrix ${shaped(shape)}, ${isDiagonal ? "diagonal" : `${entries[2].length} entries not 0`}`;
  }
  const rule = entries ? null : nodes.get(target).rules[position];
  const shown = arrayView(view, "derivative");
  return element("div", { class: "derivative" }, shown, rule !== null && ruleView(rule));
}

// ---- the steps -------------------------------------------------------------------------------------

$("step").max = lastStep + 1; // there everything is shown
$("step").oninput = () => goTo(Number($("step").value));

// Show the numbers of the step; returns the node whose turn it is.
function showStep() {
  const { step } = state;
  $("step").value = step ?? lastStep + 1;
  const { title, body = [], node } = stepView(step);
  $("step").setAttribute("aria-valuetext", title);
  $("step-now").textContent = title;
  $("step-text").replaceChildren(...body);
  showState();
  return node;
}

function goTo(step) {
  state.step = step > lastStep ? null : step;
  const node = showStep();
  if (node) bringIntoView(scene.all.get(drawnAs(node)));
}

// The title of a step, what to show of it, and the node whose turn it is.
function stepView(step) {
  if (step === null) return { title: "All values and gradients are shown." };
  if (step === 0) return { title: "Before the forward pass: only the leaves have values." };
  if (step < seeding) {
    const node = nodes.get(forward[step - 1]);
    const sources = new Set((edgesInto.get(node.key) ?? []).map((edge) => edge.source));
    const used = [...sources].map((key) => nodes.get(key)).filter(Boolean);
    const views = [...used, node].map(({ symbol, value }) => labelled(symbol, arrayView(value)));
    const title = `Forward ${step} of ${forward.length}: ${node.heading}`;
    return { node: node.key, title, body: [element("div", { class: "part" }, ...views)] };
  }
  if (step === seeding) {
    const heads = data.heads.map((key) => nodes.get(key)).filter((head) => head?.gradient);
    const symbols = heads.map((head) => head.symbol).join(", ");
    const title = `The backward pass starts from the gradient of ${symbols}.`;
    const body = heads.map((head) => gradientView("part gradient", head.gradient_name, head.gradient, "incoming"));
    return { node: heads[0]?.key, title, body };
  }
  const turn = backward[step - seeding - 1];
  const node = nodes.get(turn.key);
  const title = `Backward ${step - seeding} of ${backward.length}: ${node.heading}`;
  const incoming = gradientView("gradient", `incoming ${node.gradient_name}`, node.gradient, "incoming");
  const parts = additions.filter(({ key }) => key === turn.key).map(partOf);
  return { node: node.key, title, body: [incoming, ...parts.map((part) => partView(node, part))] };
}

const gradientView = (kind, name, array, role) =>
  element("div", { class: kind }, labelled(name, array ? arrayView(array, role) : "not in this page"));

// What a node adds to the gradient of one of its arguments.
function partView(node, { edge, product, sum, arrived, uses }) {
  const symbol = called(edge.source);
  const [local, whole] = [`∂${node.symbol}/∂${symbol}`, `∂${data.of}/∂${symbol}`];
  const done = arrived === uses ? `the sum over all ${uses} uses` : `sum so far, ${arrived} of ${uses} uses`;
  return element(
    "div",
    { class: "part", "data-to": edge.source },
    element("h3", {}, `to ${symbol}`),
    edge.derivative && labelled(`local derivative ${local}`, derivativeView(edge)),
    gradientView("gradient", `product ${node.gradient_name} · ${local}`, product, "product"),
    uses > 1
      ? gradientView("gradient sum", `${whole}, ${done}`, sum, "sum")
      : faint(`the only use of ${symbol}: this is ${whole}`),
  );
}

// What the turns of the backward pass add, in their order.
const additions = backward.flatMap(({ key, uses }) => uses.map((edge) => ({ key, edge })));

// What is added to the gradient of an argument, and the sum then; of what is in boxes, or too large
// for the page, it is not known.
function partOf(addition) {
  const { edge } = addition;
  const all = additions.filter((other) => other.edge.source === edge.source);
  const known = all.slice(0, all.indexOf(addition) + 1);
  const products = known.map(productOf);
  const counted = (edges) => edges.reduce((sum, { count }) => sum + count, 0);
  const [arrived, uses] = [counted(known.map((each) => each.edge)), counted(flowing(edgesFrom.get(edge.source)))];
  const add = (a, b) => a && b && { ...a, entries: Array.from(a.entries, (x, i) => x + b.entries[i]) };
  const isHead = data.heads.includes(edge.source); // whose gradient does not begin at 0
  const sum = arrived === uses ? nodes.get(edge.source)?.gradient : isHead ? null : products.reduce(add);
  return { edge, product: products.at(-1), sum, arrived, uses };
}

// Gradient times local derivative.
function productOf({ key, edge: { source, position = 0, derivative } }) {
  const [node, to] = [nodes.get(key), nodes.get(source)];
  if (!to) return null;
  const { shape, dtype } = to.value;
  const found = program?.products.get(`${key} ${position}`);
  if (found) return { shape, dtype, entries: found.data };
  if (!derivative?.entries || !node.gradient.entries) return null;
  const [[rows, columns, values], entries] = [derivative.entries, new Array(size(shape)).fill(0)];
  rows.forEach((row, i) => (entries[columns[i]] += toNumber(node.gradient.entries[row]) * toNumber(values[i])));
  return { shape, dtype, entries };
}

// The step after which a gradient is whole.
const wholeAt = new Map(data.heads.map((key) => [key, seeding]));
backward.forEach(({ uses }, i) => uses.forEach(({ source }) => wholeAt.set(source, seeding + i + 1)));

// Mark what has had its turn, what is found, what is on the paths.
function showState() {
  const { step } = state;
  const computed = step > 0 && step < seeding ? forward[step - 1] : null;
  const turn = step > seeding ? backward[step - seeding - 1].key : null;
  const now = computed ?? turn ?? (step === seeding ? data.heads[0] : null);
  const mark = (drawn, marks) => {
    for (const [name, on] of Object.entries(marks)) drawn.classList.toggle(name, Boolean(on));
  };
  for (const { key, drawn } of scene.items.values()) {
    const turns = (inside.get(key) ?? [key]).flatMap((inner) => turnOf.get(inner) ?? []);
    mark(drawn, {
      waiting: step !== null && turns.length && Math.min(...turns) > step,
      valueless: step !== null && turnOf.get(shownNode(key)?.key) > step,
      slopeless: step !== null && !(wholeAt.get(shownNode(key)?.key) <= step),
      now: now && key === drawnAs(now),
      chosen: key === state.chosen,
      found: matches.includes(key),
    });
    if (nodes.has(key)) drawn.setAttribute("aria-pressed", key === state.chosen);
  }
  for (const { key, drawn } of scene.frames.values()) mark(drawn, { found: matches.includes(key) });
  for (const strand of document.querySelectorAll("#graph .strand")) strand.remove();
  const [on, { path: lookedAt }] = [pathsOnEdges(), state];
  for (const { drawn, name, uses } of scene.edges.values()) {
    const shown = (on.get(name) ?? []).filter((path) => lookedAt === null || path === lookedAt);
    mark(drawn, {
      now: turn && uses.some((use) => use.target === turn && use.flows),
      forward: computed && uses.some((use) => use.target === computed),
      off: on.size && !shown.length,
    });
    for (const [i, path] of shown.entries()) drawn.after(strandOf(drawn, path, i, shown.length));
  }
}

// A path on an edge in its colour, which takes turns with those of others.
function strandOf(drawn, path, i, count) {
  const [strand, { paths }] = [drawn.cloneNode(), state.paths];
  const share = state.path === null ? Math.abs(paths[path].product / (paths[0].product || 1)) : 1;
  const dashes = count > 1 ? `${DASH} ${DASH * (count - 1)}` : "none";
  const stroke = { stroke: colourOf(path), strokeWidth: 1.5 + 4 * share };
  Object.assign(strand.style, { ...stroke, strokeDasharray: dashes, strokeDashoffset: -DASH * i });
  strand.setAttribute("class", "edge strand");
  strand.setAttribute("data-path", path);
  return strand;
}
