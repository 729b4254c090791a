// The paths between two entries, from the local derivatives in the page, as `paths` finds them.
"use strict";

// `edges` are the uses that can be followed. Gives {total, count, paths, rest, missing}: `missing`
// are uses on the way whose local derivatives are too large to be in the page.
function pathsBetween(from, fromEntry, to, toEntry, order, edges, limit) {
  const [leaving, arriving] = [new Map(), new Map()];
  const put = (map, key, edge) => (map.has(key) ? map.get(key).push(edge) : map.set(key, [edge]));
  for (const edge of edges)
    if (edge.flows) (put(leaving, edge.source, edge), put(arriving, edge.target, edge));
  const leads = new Set([to]); // what `to` can be reached from: nodes, and boxes that do not open
  for (const key of leads) for (const edge of arriving.get(key) ?? []) leads.add(edge.source);
  const start = { node: from, entry: fromEntry, onward: [] };
  const reached = new Map([[from, new Map([[fromEntry, start]])]]);
  const missing = [];
  const inOrder = [];
  for (const key of order) {
    // parents first
    const entries = reached.get(key);
    if (!entries) continue;
    for (const entry of entries.values()) inOrder.push(entry);
    if (key === to) continue;
    for (const edge of leaving.get(key) ?? []) {
      if (!leads.has(edge.target)) continue;
      if (!edge.derivative) {
        missing.push(edge);
        continue;
      }
      const [rows, columns, values] = edge.derivative;
      if (!reached.has(edge.target)) reached.set(edge.target, new Map());
      const targets = reached.get(edge.target);
      for (let i = 0; i < rows.length; i++) {
        const source = entries.get(columns[i]);
        if (!source) continue;
        if (!targets.has(rows[i]))
          targets.set(rows[i], { node: edge.target, entry: rows[i], onward: [] });
        source.onward.push({ edge, derivative: Number(values[i]), next: targets.get(rows[i]) });
      }
    }
  }
  const end = reached.get(to)?.get(toEntry);
  for (const entry of inOrder.reverse()) {
    const last = entry === end;
    entry.count = last ? 1n : 0n;
    entry.total = last ? 1 : 0;
    entry.best = last ? 0 : -Infinity; // the logarithm of the largest product
    if (last) continue;
    for (const { derivative, next } of entry.onward) {
      if (!next.count) continue;
      entry.count += next.count;
      entry.total += derivative * next.total;
      entry.best = Math.max(entry.best, Math.log(Math.abs(derivative)) + next.best);
    }
  }
  return { total: start.total, count: start.count, missing, ...largest(start, end, limit) };
}

// Beginnings of paths, of which the one that can become the largest is followed first; in the end
// those that are left stand for all other paths.
function largest(start, end, limit) {
  const heap = new Heap();
  const paths = [];
  if (start.count) heap.push(start.best, { at: start, product: 1, size: 0, steps: null });
  while (heap.length && paths.length < limit) {
    const begun = heap.pop();
    if (begun.at === end) {
      const steps = [];
      for (let link = begun.steps; link; link = link.before) steps.push(link.step);
      paths.push({ product: begun.product, steps: steps.reverse() });
      continue;
    }
    for (const step of begun.at.onward) {
      if (!step.next.count) continue;
      const size = begun.size + Math.log(Math.abs(step.derivative));
      const steps = { step, before: begun.steps };
      heap.push(size + step.next.best, {
        at: step.next,
        product: begun.product * step.derivative,
        size,
        steps,
      });
    }
  }
  return {
    paths,
    rest: heap.values().reduce((sum, begun) => sum + begun.product * begun.at.total, 0),
  };
}

class Heap {
  #items = [];
  get length() {
    return this.#items.length;
  }
  values() {
    return this.#items.map(([, value]) => value);
  }
  push(rank, value) {
    const items = this.#items;
    let i = items.push([rank, value]) - 1;
    for (let up = (i - 1) >> 1; i && items[up][0] < items[i][0]; i = up, up = (i - 1) >> 1)
      [items[i], items[up]] = [items[up], items[i]];
  }
  pop() {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length) {
      items[0] = last;
      for (let i = 0; ;) {
        const left = 2 * i + 1;
        const child =
          left + 1 < items.length && items[left + 1][0] > items[left][0] ? left + 1 : left;
        if (child >= items.length || items[child][0] <= items[i][0]) break;
        [items[i], items[child]] = [items[child], items[i]];
        i = child;
      }
    }
    return top[1];
  }
}

// ---- choosing them, and what is said of them -----------------------------------------------------------------

const differentiable = new Set(
  data.edges.filter((edge) => edge.flows && nodes.has(edge.source)).map((edge) => edge.source),
);
for (const key of data.heads) if (nodes.has(key)) differentiable.add(key);
const order = [
  ...data.nodes.filter((node) => !turnOf.has(node.key)).map((node) => node.key),
  ...data.forward,
];
for (const key of order.filter((key) => differentiable.has(key)))
  for (const end of ["from", "to"])
    $(end).append(
      element("option", { value: key }, cut(fullName(nodes.get(key)) || nameOf(nodes.get(key)))),
    );
$("to").value = data.heads.find((key) => differentiable.has(key)) ?? "";

function setEntry(end) {
  const shape = nodes.get($(end).value)?.value.shape ?? [];
  const input = $(`${end}-entry`);
  input.value = shape.map(() => 0).join(",");
  input.disabled = !shape.length;
}
for (const end of ["from", "to"]) {
  $(end).addEventListener("change", () => setEntry(end));
  setEntry(end);
}

// The place of an entry in flat order, or what is wrong with it.
function placeOf(end) {
  if (!$(end).value) throw new RangeError("Choose two nodes.");
  const { symbol, value } = nodes.get($(end).value);
  const parts = $(`${end}-entry`)
    .value.replace(/[[\]()\s]/g, "")
    .split(",")
    .filter(Boolean)
    .map(Number);
  const right =
    parts.length === value.shape.length &&
    parts.every(
      (part, i) => Number.isInteger(part) && part >= -value.shape[i] && part < value.shape[i],
    );
  if (!right)
    throw new RangeError(
      `${symbol} has shape ${shaped(value.shape)}: an entry of it is ${value.shape.map((size) => `0…${size - 1}`).join(", ") || "itself"}`,
    );
  return parts.reduce(
    (place, part, i) => place * value.shape[i] + (part < 0 ? part + value.shape[i] : part),
    0,
  );
}

function showPaths() {
  const [from, to] = [$("from").value, $("to").value];
  try {
    const entries = [placeOf("from"), placeOf("to")];
    state.paths = {
      from,
      to,
      entries,
      ...pathsBetween(from, entries[0], to, entries[1], order, data.edges, 10),
    };
    $("paths-text").replaceChildren(...sayPaths(state.paths));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    state.paths = null;
    $("paths-text").replaceChildren(element("p", {}, error.message));
  }
  showState();
}

function sayPaths({ from, to, entries, total, count, paths, rest, missing }) {
  const entry = (key, place) =>
    nodes.get(key).symbol + bracketed(place, nodes.get(key).value.shape);
  const whole = `∂${entry(to, entries[1])}/∂${entry(from, entries[0])}`;
  if (missing.length) {
    const edge = missing[0];
    const what = edge.shape
      ? `The local derivative of ${nodes.get(edge.target).symbol} by ${nodes.get(edge.source).symbol}, ${edge.shape.join(" × ")}, is too large for this page.`
      : "These paths lead through a part of the graph that is too large for this page.";
    return [element("p", {}, `${what} In Python, paths(loss, w, index) follows them.`)];
  }
  if (!count)
    return [element("p", {}, `${whole} = 0: there is no path on which no local derivative is 0.`)];
  const list = paths.map((path, i) => {
    const factors = [...path.steps].reverse();
    const said = factors.slice(0, 12).map(({ edge, derivative, next }, j) => {
      const before = factors[j + 1]?.next ?? { node: from, entry: entries[0] };
      return `∂${entry(next.node, next.entry)}/∂${entry(before.node, before.entry)}`;
    });
    const numbers = factors
      .slice(0, 12)
      .map(({ derivative }) => (derivative < 0 ? `(${written(derivative)})` : written(derivative)));
    const more = factors.length > 12 ? " · …" : "";
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `var(--path${(i % COLOURS) + 1})`;
    return element(
      "li",
      { "data-part": "path" },
      swatch,
      number(path.product),
      element("div", { class: "faint" }, said.join(" · ") + more),
      element("div", {}, `= ${numbers.join(" · ")}${more}`),
    );
  });
  const others = count - BigInt(paths.length);
  const digits = (n) => n.toLocaleString("en");
  return [
    element(
      "p",
      { "data-part": "count" },
      `${whole} is the sum over ${digits(count)} ${count === 1n ? "path" : "paths"}${others ? `, of which these are the ${paths.length} largest` : ""}:`,
    ),
    element("ol", {}, ...list),
    others ? element("p", {}, `${digits(others)} more: `, number(rest)) : "",
    element("p", { class: "sum", "data-part": "total" }, `${whole} = `, number(total)),
  ];
}

// For each drawn edge the first path that goes along it, and its size beside the largest.
function sharesOfPaths() {
  const shares = new Map();
  const largest = Math.abs(state.paths?.paths[0]?.product ?? 0) || 1;
  state.paths?.paths.forEach(({ product, steps }, path) => {
    for (const { edge } of steps) {
      const [a, b] = [drawnAs(edge.source), drawnAs(edge.target)];
      const name = `${a} ${b}`;
      if (a !== b && !shares.has(name))
        shares.set(name, { path, size: Math.abs(product) / largest });
    }
  });
  return shares;
}

$("paths").addEventListener("submit", (event) => {
  event.preventDefault();
  showPaths();
});

function forgetPaths() {
  state.paths = null;
  $("paths-text").replaceChildren();
  showState();
}
$("forget").addEventListener("click", forgetPaths);
