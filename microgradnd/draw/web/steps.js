// What stands beside the picture: all about a node, and what happens at each step of the passes.
"use strict";

// ---- details ---------------------------------------------------------------------------------------

const KINDS = {
  given: "from elsewhere", scope: "module", repeat: "repeated parts", bundle: "alike leaves",
  turn: "a turn", part: "part of the graph",
};

const button = (text, onclick) => element("button", { type: "button", onclick }, text);

function describe(key) {
  const thing = all.get(key);
  const list = element("dl");
  const row = (term, ...what) => list.append(element("dt", {}, term), element("dd", {}, ...what));
  if (thing.name && thing.name !== thing.symbol) row("name", thing.name);
  row("what", thing.operation ? `operation ${thing.operation}` : (KINDS[thing.kind] ?? thing.kind));
  if (nodes.has(key)) describeNode(thing, row);
  else {
    row("in it", thing.about.join(", "));
    const result = nodes.get(thing.result);
    if (result) row(`result ${result.symbol}`, arrayView(result.value, "value"));
    if (thing.closed) row("folded", "for good: what is in it is not in this page. Draw it with only=…");
  }
  const buttons = element("p");
  if (groups.has(key)) buttons.append(button(state.open.has(key) ? "Fold" : "Unfold", () => act(key)));
  if (differentiable.has(key))
    for (const end of ["from", "to"]) {
      const choose = () => (choosePathEnd(end, key), showPaths());
      buttons.append(button(`Paths ${end} here`, choose), " ");
    }
  $("details-title").textContent = thing.title;
  $("details").replaceChildren(buttons, list);
}

function describeNode(node, row) {
  row("shape", `${shaped(node.value.shape)} ${node.value.dtype}`);
  row("value", arrayView(node.value, "value"));
  if (node.gradient)
    row(`gradient ${node.gradient_name}`, gradientView("gradient", "", node.gradient, "gradient"));
  const listed = (edges, end) => {
    const names = [...new Set(edges.map((edge) => edge[end]))].map(called);
    return names.slice(0, 12).join(", ") + (names.length > 12 ? ", …" : "");
  };
  const into = data.edges.filter((edge) => edge.target === node.key);
  const onward = data.edges.filter((edge) => edge.source === node.key);
  if (into.length) row("computed from", listed(into, "source"));
  const used = node.uses > 1 ? `used ${node.uses} times, by` : "used by";
  if (onward.length) row(used, listed(onward, "target"));
  if (node.scope) row("scope", node.scope.join(" / "));
  if (node.line) row("recorded at", node.line);
  for (const edge of into.filter((edge) => edge.derivative))
    row(`local derivative ∂${node.symbol}/∂${called(edge.source)}`, derivativeView(edge));
  Map.groupBy(node.rules?.keys() ?? [], (position) => node.rules[position]).forEach(
    (positions, rule) => rule !== null && row(`rule for argument ${positions.join(", ")}`, ruleView(rule)),
  );
}

const ruleView = (rule) => element("pre", { tabindex: 0 }, data.rules[rule]);

// A local derivative: a number, a matrix, or what is known of it, and the rule that applies it.
function derivativeView({ derivative, target, position = 0 }) {
  const view = arrayView(derivative.view, "derivative");
  const rule = derivative.entries ? null : nodes.get(target).rules[position];
  return element("div", { class: "derivative" }, view, rule !== null && ruleView(rule));
}

// ---- the steps -------------------------------------------------------------------------------------

$("step").max = lastStep + 1; // there everything is shown
$("step").oninput = () => goTo(Number($("step").value));
$("next").onclick = () => goTo((state.step ?? -1) + 1);
$("back").onclick = () => goTo(Math.max(0, (state.step ?? lastStep + 1) - 1));
$("all").onclick = () => goTo(null);

function goTo(step) {
  if (step > lastStep) step = null;
  state.step = step;
  $("step").value = step ?? lastStep + 1;
  const { title, body, node } = stepView(step);
  $("step").setAttribute("aria-valuetext", title);
  $("step-now").textContent = title;
  $("step-text").replaceChildren(...body);
  showState();
  if (!node) return;
  const drawn = drawnAs(node);
  bringIntoView(scene.all.get(drawn));
  const unfold = button("Unfold", () => (reveal(node), goTo(step)));
  if (drawn !== node) $("step-text").prepend(element("p", {}, `in ${called(drawn)} `, unfold));
}

// The title of a step, what to show of it, and the node whose turn it is.
function stepView(step) {
  if (step === null) return { title: "All values and gradients are shown.", body: [] };
  if (step === 0) return { title: "Before the forward pass: only the leaves have values.", body: [] };
  if (step < seeding) {
    const node = nodes.get(data.forward[step - 1]);
    const sources = data.edges.filter((edge) => edge.target === node.key).map((edge) => edge.source);
    const known = [...new Set(sources)].map((key) => nodes.get(key)).filter(Boolean);
    const views = [...known, node].map(({ symbol, value }) => labelled(symbol, arrayView(value)));
    const title = `Forward ${step} of ${data.forward.length}: ${node.title}`;
    return { node: node.key, title, body: [element("div", { class: "part" }, ...views)] };
  }
  if (step === seeding) {
    const heads = data.heads.map((key) => nodes.get(key)).filter((head) => head?.gradient);
    const symbols = heads.map((head) => head.symbol).join(", ");
    const title = `The backward pass starts from the gradient of ${symbols}.`;
    const body = heads.map(({ gradient_name, gradient }) =>
      gradientView("part gradient", gradient_name, gradient, "incoming"),
    );
    return { node: heads[0]?.key, title, body };
  }
  const turn = data.backward[step - seeding - 1];
  const node = nodes.get(turn.node);
  const title = `Backward ${step - seeding} of ${data.backward.length}: ${node.title}`;
  const incoming = gradientView("gradient", `incoming ${node.gradient_name}`, node.gradient, "incoming");
  const body = [incoming, ...turn.parts.map((part) => partView(node, part))];
  return { node: node.key, title, body };
}

const gradientView = (kind, name, array, role) =>
  element("div", { class: kind }, labelled(name, arrayView(array, role)));

// What a node adds to the gradient of one of its arguments.
function partView(node, part) {
  const symbol = called(part.to);
  const edge = data.edges[part.edge];
  const [local, whole] = [`∂${node.symbol}/∂${symbol}`, `∂${data.of}/∂${symbol}`];
  const all = part.arrived === part.uses && `the sum over all ${part.uses} uses`;
  const done = all || `sum so far, ${part.arrived} of ${part.uses} uses`;
  return element(
    "div",
    { class: "part", "data-to": part.to },
    element("h3", {}, `to ${symbol}`),
    edge?.derivative && labelled(`local derivative ${local}`, derivativeView(edge)),
    gradientView("gradient", `product ${node.gradient_name} · ${local}`, part.product, "product"),
    part.sum
      ? gradientView("gradient sum", `${whole}, ${done}`, part.sum, "sum")
      : faint(`the only use of ${symbol}: this is ${whole}`),
  );
}

// What is known at a step: which gradients, as sums so far.
function gradientsAt(step) {
  const known = new Map();
  if (step >= seeding) for (const head of data.heads) known.set(head, nodes.get(head)?.gradient);
  for (const turn of data.backward.slice(0, Math.max(0, step - seeding)))
    for (const part of turn.parts) known.set(part.to, part.sum ?? part.product);
  return known;
}

// Mark what has had its turn, what is found, what is on the paths.
function showState() {
  const { step } = state;
  const known = step === null ? null : gradientsAt(step);
  const forward = step > 0 && step < seeding ? data.forward[step - 1] : null;
  const turn = step > seeding ? data.backward[step - seeding - 1] : null;
  const now = forward ?? turn?.node ?? (step === seeding ? data.heads[0] : null);
  const mark = (thing, marks) => {
    for (const [name, on] of Object.entries(marks)) thing.drawn.classList.toggle(name, Boolean(on));
  };
  for (const item of scene.items.values()) {
    const node = nodes.get(item.key) ?? nodes.get(all.get(item.key).result);
    const turns = (inside.get(item.key) ?? [item.key]).map((key) => turnOf.get(key)).filter(Boolean);
    mark(item, {
      waiting: step !== null && turns.length && Math.min(...turns) > step,
      now: now && item.key === drawnAs(now),
      chosen: item.key === state.chosen,
      found: matches.includes(item.key),
    });
    if (nodes.has(item.key)) item.drawn.setAttribute("aria-pressed", item.key === state.chosen);
    const { value, slope } = item.texts;
    const show = (text, on) => text?.setAttribute("visibility", on ? "visible" : "hidden");
    show(value, step === null || !node || (turnOf.get(node.key) ?? 0) <= step);
    const gradient = known ? known.get(node?.key) : node?.gradient;
    show(slope, gradient);
    if (slope && gradient) slope.textContent = slopeOf(node, gradient);
  }
  for (const frame of scene.frames.values()) mark(frame, { found: matches.includes(frame.key) });
  const shares = sharesOfPaths();
  for (const { drawn, name, uses } of scene.edges.values()) {
    const share = shares.get(name);
    mark({ drawn }, {
      now: turn && uses.some((use) => use.target === turn.node && use.flows),
      forward: forward && uses.some((use) => use.target === forward),
      path: share,
      off: shares.size && !share,
    });
    drawn.style.stroke = share ? `var(--path${(share.path % COLOURS) + 1})` : "";
    drawn.style.strokeWidth = share ? 1.5 + 4 * share.size : "";
  }
}
