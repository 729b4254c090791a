// The paths between two entries, from the local derivatives in the page, as `paths` finds them.
"use strict";

// Returns {total, count, paths, rest, missing}: `missing` are edges on the way whose local
// derivatives are not in the page.
function pathsBetween(from, fromEntry, to, toEntry, limit) {
  const flowing = data.edges.filter((edge) => edge.flows);
  const leaving = Map.groupBy(flowing, (edge) => edge.source);
  const arriving = Map.groupBy(flowing, (edge) => edge.target);
  const leads = new Set([to]); // what `to` can be reached from: nodes, and boxes that do not open
  for (const key of leads) for (const edge of arriving.get(key) ?? []) leads.add(edge.source);
  const reached = new Map(); // for each node its entries that are reached, and where they lead
  const reach = (node, entry) => {
    const entries = reached.get(node) ?? reached.set(node, new Map()).get(node);
    return entries.get(entry) ?? entries.set(entry, { node, entry, onward: [] }).get(entry);
  };
  const start = reach(from, fromEntry);
  const [missing, inOrder] = [[], []];
  for (const key of data.order) {
    const entries = reached.get(key);
    if (!entries) continue;
    inOrder.push(...entries.values());
    for (const edge of key === to ? [] : (leaving.get(key) ?? [])) {
      if (!leads.has(edge.target)) continue;
      if (!edge.derivative?.entries) {
        missing.push(edge);
        continue;
      }
      const [rows, columns, values] = edge.derivative.entries;
      rows.forEach((row, i) => {
        const step = { edge, derivative: Number(values[i]) };
        entries.get(columns[i])?.onward.push({ ...step, next: reach(edge.target, row) });
      });
    }
  }
  const end = reached.get(to)?.get(toEntry);
  for (const entry of inOrder.reverse()) {
    Object.assign(entry, { count: 0n, total: 0, best: -Infinity }); // the log of the largest product
    if (entry === end) Object.assign(entry, { count: 1n, total: 1, best: 0, onward: [] });
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
  const [begun, paths] = [[], []];
  if (start.count) begun.push({ at: start, product: 1, size: 0, reach: start.best, last: null });
  while (begun.length && paths.length < limit) {
    const path = begun.sort((a, b) => a.reach - b.reach).pop();
    if (path.at === end) {
      paths.push({ product: path.product, steps: [] });
      for (let link = path.last; link; link = link.before) paths.at(-1).steps.unshift(link.step);
    }
    for (const step of path.at.onward.filter(({ next }) => next.count)) {
      const size = path.size + Math.log(Math.abs(step.derivative));
      const product = path.product * step.derivative;
      const last = { step, before: path.last };
      begun.push({ at: step.next, product, size, reach: size + step.next.best, last });
    }
  }
  return { paths, rest: begun.reduce((sum, { product, at }) => sum + product * at.total, 0) };
}

// ---- choosing them, and showing them ---------------------------------------------------------------

const differentiable = new Set([
  ...data.edges.filter((edge) => edge.flows).map((edge) => edge.source),
  ...data.heads,
]);
for (const key of data.order.filter((key) => nodes.has(key) && differentiable.has(key)))
  for (const end of ["from", "to"]) {
    const { name, title } = nodes.get(key); // W is the symbol of many
    $(end).append(element("option", { value: key }, cut(name?.includes(".") ? name : title, 38)));
  }
$("to").value = data.heads.find((key) => nodes.has(key)) ?? "";

function choosePathEnd(end, key) {
  $(end).value = key;
  const shape = nodes.get(key)?.value.shape ?? [];
  $(`${end}-entry`).value = shape.map(() => 0).join(",");
  $(`${end}-entry`).disabled = !shape.length;
}
for (const end of ["from", "to"]) {
  $(end).addEventListener("change", () => choosePathEnd(end, $(end).value));
  choosePathEnd(end, $(end).value);
}

// The place of an entry in flat order, or what is wrong with it.
function placeOf(end) {
  if (!$(end).value) throw new RangeError("Choose two nodes.");
  const { symbol, value: { shape } } = nodes.get($(end).value);
  const parts = $(`${end}-entry`).value.match(/[^[\]()\s,]+/g)?.map(Number) ?? [];
  const fits = (part, i) => Number.isInteger(part) && part >= -shape[i] && part < shape[i];
  if (parts.length !== shape.length || !parts.every(fits)) {
    const ranges = shape.map((size) => `0…${size - 1}`).join(", ") || "itself";
    throw new RangeError(`${symbol} has shape ${shaped(shape)}: an entry of it is ${ranges}`);
  }
  return parts.reduce((place, part, i) => place * shape[i] + (part + shape[i]) % shape[i], 0);
}

function showPaths() {
  const [from, to] = [$("from").value, $("to").value];
  try {
    const entries = [placeOf("from"), placeOf("to")];
    state.paths = { from, to, entries, ...pathsBetween(from, entries[0], to, entries[1], 10) };
    $("paths-text").replaceChildren(...pathsView(state.paths));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    state.paths = null;
    $("paths-text").replaceChildren(element("p", {}, error.message));
  }
  showState();
}

function pathsView({ from, to, entries, total, count, paths, rest, missing }) {
  const entry = (key, place) => called(key) + bracketed(place, nodes.get(key).value.shape);
  const fraction = (of, by) => `∂${entry(of.node, of.entry)}/∂${entry(by.node, by.entry)}`;
  const start = { node: from, entry: entries[0] };
  const whole = fraction({ node: to, entry: entries[1] }, start);
  if (missing.length) {
    const { source, target, derivative } = missing[0];
    const what = derivative
      ? `The local derivative of ${called(target)} with respect to ${called(source)}, ${derivative.shape.join(" × ")}, is too large for this page.`
      : "These paths lead through a part of the graph that is too large for this page.";
    return [element("p", {}, `${what} In Python, paths(loss, w, index) follows them.`)];
  }
  if (!count)
    return [element("p", {}, `${whole} = 0: there is no path on which no local derivative is 0.`)];
  const list = paths.map(({ product, steps }, i) => {
    const factors = [...steps].reverse();
    const names = factors.map(({ next }, j) => fraction(next, factors[j + 1]?.next ?? start));
    const numbers = factors.map(({ derivative }) => written(derivative).replace(/^−.*/, "($&)"));
    const [chain, values] = [names, numbers].map(
      (texts) => texts.slice(0, 12).join(" · ") + (texts.length > 12 ? " · …" : ""),
    );
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = `var(--path${(i % COLOURS) + 1})`;
    const lines = [element("div", { class: "faint" }, chain), element("div", {}, `= ${values}`)];
    return element("li", { "data-part": "path" }, swatch, number(product), ...lines);
  });
  const digits = (n) => n.toLocaleString("en");
  const others = count - BigInt(paths.length);
  const these = others ? `, of which these are the ${paths.length} largest` : "";
  const sum = `${whole} is the sum over ${digits(count)} ${count === 1n ? "path" : "paths"}${these}:`;
  return [
    element("p", { "data-part": "count" }, sum),
    element("ol", {}, ...list),
    others ? element("p", {}, `${digits(others)} more: `, number(rest)) : "",
    element("p", { class: "sum", "data-part": "total" }, `${whole} = `, number(total)),
  ];
}

// For each drawn edge the first path that goes along it, and its size beside the largest.
function sharesOfPaths() {
  const shares = new Map();
  const most = Math.abs(state.paths?.paths[0]?.product ?? 0) || 1;
  state.paths?.paths.forEach(({ product, steps }, path) => {
    for (const { edge } of steps) {
      const name = `${drawnAs(edge.source)} ${drawnAs(edge.target)}`;
      if (!shares.has(name)) shares.set(name, { path, size: Math.abs(product) / most });
    }
  });
  return shares;
}

function forgetPaths() {
  state.paths = null;
  $("paths-text").replaceChildren();
  showState();
}
$("paths").addEventListener("submit", (event) => (event.preventDefault(), showPaths()));
$("forget").onclick = forgetPaths;

// ---- how the page begins ---------------------------------------------------------------------------

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
