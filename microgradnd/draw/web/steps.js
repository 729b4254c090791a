// What is said beside the picture: about a node, and at each step of the passes.
"use strict";

// ---- details ---------------------------------------------------------------------------------------

function describe(key) {
  const thing = all.get(key);
  const list = element("dl");
  const say = (term, ...what) => list.append(element("dt", {}, term), element("dd", {}, ...what));
  if (nodes.has(key)) {
    if (thing.name && thing.name !== thing.symbol) say("name", thing.name);
    say(
      "what",
      thing.kind === "operation"
        ? `operation ${thing.operation}`
        : ({ given: "from elsewhere" }[thing.kind] ?? thing.kind),
    );
    say("shape", `${shaped(thing.value.shape)} ${thing.value.dtype}`);
    say("value", arrayView(thing.value, "value"));
    if (thing.gradient)
      say(
        `gradient ${slopeName(thing)}`,
        element("div", { class: "gradient" }, arrayView(thing.gradient, "gradient")),
      );
    const called = (keys) =>
      [...new Set(keys)]
        .slice(0, 12)
        .map((other) => all.get(other).symbol ?? titleOf(all.get(other)))
        .join(", ");
    const [sources, users] = [
      data.edges.filter((edge) => edge.target === key).map((edge) => edge.source),
      usersOf.get(key) ?? [],
    ];
    if (sources.length) say("computed from", called(sources));
    if (users.length)
      say(
        users.length > 1 ? `used ${users.length} times, by` : "used by",
        called(users) + (new Set(users).size > 12 ? ", …" : ""),
      );
    if (thing.scope.length) say("scope", thing.scope.join(" / "));
    if (thing.line) say("recorded at", thing.line);
    for (const edge of data.edges.filter((edge) => edge.target === key && edge.shape))
      say(
        `local derivative ∂${thing.symbol}/∂${all.get(edge.source).symbol ?? "…"}`,
        derivativeView(edge),
      );
    for (const [rule, positions] of rulesOf(thing))
      say(
        `rule for argument ${positions.join(", ")}`,
        element("pre", { tabindex: 0 }, data.rules[rule]),
      );
  } else {
    say(
      "what",
      thing.kind === "scope"
        ? "module"
        : ({
            repeat: "repeated parts",
            bundle: "alike leaves",
            turn: "a turn",
            part: "part of the graph",
          }[thing.kind] ?? thing.kind),
    );
    say("in it", aboutGroup(thing));
    const result = groups.has(key) && summaryOf(thing).result;
    if (result)
      say(
        `gives ${result.symbol}, ${shaped(result.value.shape)}`,
        arrayView(result.value, "value"),
      );
    if (!groups.has(key))
      say("folded", "for good: what is in it is not in this page. Draw it with only=…");
  }
  const buttons = element("p");
  if (groups.has(key))
    buttons.append(
      element(
        "button",
        { type: "button", onclick: () => act(key) },
        state.open.has(key) ? "Fold" : "Unfold",
      ),
    );
  if (differentiable.has(key))
    for (const [end, text] of [
      ["from", "Paths from here"],
      ["to", "Paths to here"],
    ])
      buttons.append(
        element(
          "button",
          { type: "button", onclick: () => ((($(end).value = key), setEntry(end)), showPaths()) },
          text,
        ),
        " ",
      );
  $("details-title").textContent = nodes.has(key) ? nameOf(thing) : titleOf(thing);
  $("details").replaceChildren(buttons, list);
}

function rulesOf(node) {
  const found = new Map();
  (node.rules ?? []).forEach((rule, position) => {
    if (rule !== null) found.set(rule, [...(found.get(rule) ?? []), position]);
  });
  return found;
}

// A local derivative: a number, a small matrix, or what is known of a larger one.
function derivativeView(edge) {
  const [rows, columns] = edge.shape;
  const view = element("div", { class: "derivative", "data-part": "derivative" });
  const about = `matrix ${rows} × ${columns}`;
  if (!edge.derivative) {
    view.append(
      `${about}${edge.summary ? `, entries ${short(edge.summary)}` : ", as its rule applies it:"}`,
    );
    const rule = nodes.get(edge.target)?.rules?.[edge.position];
    if (!edge.summary && typeof rule === "number")
      view.append(element("pre", { tabindex: 0 }, data.rules[rule]));
    return view;
  }
  const [at, by, values] = edge.derivative;
  if (rows * columns <= 36) {
    const entries = Array(rows * columns).fill(0);
    values.forEach((value, i) => (entries[at[i] * columns + by[i]] = value));
    view.append(
      arrayView({ shape: rows * columns === 1 ? [] : edge.shape, entries }, "derivative-entries"),
    );
  } else if (values.every((_, i) => at[i] === by[i])) {
    view.append(
      `diagonal, ${about}`,
      element(
        "div",
        { class: "numbers" },
        values
          .slice(0, 8)
          .map((value) => written(value))
          .join("  ") + (values.length > 8 ? " …" : ""),
      ),
    );
  } else {
    view.append(
      `${about}, ${counted(values.length, "entry").replace("entrys", "entries")} not 0`,
      element(
        "div",
        { class: "numbers" },
        values
          .slice(0, 8)
          .map((value) => written(value))
          .join("  ") + " …",
      ),
    );
  }
  return view;
}

// ---- the steps -------------------------------------------------------------------------------------

$("step").max = lastStep + 1; // there everything is shown
$("step").addEventListener("input", () => goTo(Number($("step").value)));
$("next").addEventListener("click", () => goTo((state.step ?? -1) + 1));
$("back").addEventListener("click", () => goTo(Math.max(0, (state.step ?? lastStep + 1) - 1)));
$("all").addEventListener("click", () => goTo(null));

function goTo(step) {
  if (step > lastStep) step = null;
  state.step = step;
  $("step").value = step ?? lastStep + 1;
  const { title, body, node } = sayStep(step);
  $("step").setAttribute("aria-valuetext", title);
  $("step-said").textContent = title;
  $("step-text").replaceChildren(...body);
  if (node) {
    const drawn = drawnAs(node);
    bringIntoView(scene.all.get(drawn));
    if (drawn !== node)
      $("step-text").prepend(
        element(
          "p",
          {},
          `in ${titleOf(all.get(drawn))} `,
          element(
            "button",
            { type: "button", onclick: () => (reveal(node), goTo(step)) },
            "Unfold",
          ),
        ),
      );
  }
  showState();
}

function sayStep(step) {
  if (step === null) return { title: "All values and gradients are shown.", body: [] };
  if (step === 0)
    return { title: "Before the forward pass: only the leaves have values.", body: [] };
  if (step < seeding) {
    const node = nodes.get(data.forward[step - 1]);
    const arguments_ = data.edges
      .filter((edge) => edge.target === node.key)
      .map((edge) => all.get(edge.source));
    const known = [...new Set(arguments_)]
      .filter((argument) => argument.value)
      .map((argument) => labelled(argument.symbol, arrayView(argument.value, "argument")));
    return {
      node: node.key,
      title: `Forward ${step} of ${data.forward.length}: ${nameOf(node)}`,
      body: [
        element(
          "div",
          { class: "part" },
          ...known,
          labelled(node.symbol, arrayView(node.value, "result")),
        ),
      ],
    };
  }
  if (step === seeding) {
    const heads = data.heads.map((key) => nodes.get(key)).filter((head) => head?.gradient);
    return {
      node: heads[0]?.key,
      title: `The backward pass begins at ${heads.map((head) => head.symbol).join(", ")}.`,
      body: heads.map((head) =>
        element(
          "div",
          { class: "part gradient" },
          labelled(slopeName(head), arrayView(head.gradient, "incoming")),
        ),
      ),
    };
  }
  const turn = data.backward[step - seeding - 1];
  const node = nodes.get(turn.node);
  return {
    node: node.key,
    title: `Backward ${step - seeding} of ${data.backward.length}: ${nameOf(node)}`,
    body: [
      element(
        "div",
        { class: "gradient" },
        labelled(`incoming ${slopeName(node)}`, arrayView(node.gradient, "incoming")),
      ),
      ...turn.parts.map((part) => sayPart(node, part)),
    ],
  };
}

const labelled = (label, ...what) =>
  element("div", {}, element("span", { class: "faint" }, label), ...what);

function sayPart(node, part) {
  const parent = all.get(part.to);
  const symbol = parent.symbol ?? titleOf(parent);
  const edge = part.edge === null ? null : data.edges[part.edge];
  const said = [element("h3", {}, `to ${symbol}`)];
  if (edge?.shape)
    said.push(labelled(`local derivative ∂${node.symbol}/∂${symbol}`, derivativeView(edge)));
  const product = element(
    "div",
    { class: "gradient" },
    labelled(
      `product ∂${data.of}/∂${node.symbol} · ∂${node.symbol}/∂${symbol}`,
      arrayView(part.product, "product"),
    ),
  );
  said.push(product);
  if (part.sum) {
    const done =
      part.arrived === part.uses
        ? `the sum over all ${part.uses} uses`
        : `sum so far, ${part.arrived} of ${part.uses} uses`;
    said.push(
      element(
        "div",
        { class: "gradient sum" },
        labelled(`∂${data.of}/∂${symbol}, ${done}`, arrayView(part.sum, "sum")),
      ),
    );
  } else
    said.push(
      element("p", { class: "faint" }, `the only use of ${symbol}: this is ∂${data.of}/∂${symbol}`),
    );
  return element("div", { class: "part", "data-to": part.to }, ...said);
}

// What is known at a step: which gradients, as sums so far.
function gradientsAt(step) {
  const known = new Map();
  for (const key of data.heads)
    if (step >= seeding && nodes.get(key)?.gradient) known.set(key, nodes.get(key).gradient);
  for (const turn of data.backward.slice(0, Math.max(0, step - seeding)))
    for (const part of turn.parts) known.set(part.to, part.sum ?? part.product);
  return known;
}

// Mark what has had its turn, what is found, what is on the paths.
function showState() {
  const { step } = state;
  const known = step === null ? null : gradientsAt(step);
  const turn = step > seeding ? data.backward[step - seeding - 1] : null;
  const now =
    step === null || step === 0
      ? null
      : step < seeding
        ? data.forward[step - 1]
        : (turn?.node ?? data.heads[0]);
  const nowItem = now && scene.items.get(drawnAs(now));
  for (const item of scene.items.values()) {
    const node =
      nodes.get(item.key) ?? (groups.has(item.key) ? summaryOf(groups.get(item.key)).result : null);
    const keys = nodes.has(item.key) ? [item.key] : (inside.get(item.key) ?? []);
    const first = Math.min(
      ...keys.map(
        (key) =>
          turnOf.get(key) ??
          (nodes.get(key)?.kind === "operation" ? 0 : keys.length > 1 ? Infinity : 0),
      ),
    );
    const computed =
      step === null || (node && turnOf.get(node.key) ? turnOf.get(node.key) <= step : true);
    item.drawn.classList.toggle("waiting", step !== null && first > step && first < Infinity);
    item.drawn.classList.toggle("now", item === nowItem);
    item.drawn.classList.toggle("chosen", item.key === state.chosen);
    item.drawn.classList.toggle("found", matches.includes(item.key));
    if (nodes.has(item.key)) item.drawn.setAttribute("aria-pressed", item.key === state.chosen);
    item.texts.value?.setAttribute("visibility", computed ? "visible" : "hidden");
    if (item.texts.slope) {
      const gradient = known ? known.get(node.key) : node.gradient;
      item.texts.slope.setAttribute("visibility", gradient ? "visible" : "hidden");
      if (gradient) item.texts.slope.textContent = cut(`${slopeName(node)} = ${short(gradient)}`);
    }
  }
  for (const frame of scene.frames)
    frame.drawn.classList.toggle("found", matches.includes(frame.key));
  const shares = sharesOfPaths();
  for (const edge of scene.edges.values()) {
    const handing = turn && edge.uses.some((use) => use.target === turn.node && use.flows);
    edge.drawn.classList.toggle("now", Boolean(handing));
    edge.drawn.classList.toggle(
      "forward",
      Boolean(now && !turn && step < seeding && edge.uses.some((use) => use.target === now)),
    );
    const share = shares.get(edge.name);
    edge.drawn.classList.toggle("path", Boolean(share));
    edge.drawn.classList.toggle("off", shares.size > 0 && !share);
    edge.drawn.style.stroke = share ? `var(--path${(share.path % COLOURS) + 1})` : "";
    edge.drawn.style.strokeWidth = share ? 1.5 + 4 * share.size : "";
  }
}
