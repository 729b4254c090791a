// The paths between two entries, from the local derivatives in the page, as `paths` finds them.

// Returns {total, count, paths, rest, missing}: `missing` are edges on the way whose local
// derivatives are not in the page.
function pathsBetween(from, fromEntry, to, toEntry, limit) {
  const between = new Set([from]); // what `from` leads to, nodes and boxes
  for (const key of between) for (const { target } of flowing(edgesFrom.get(key))) between.add(target);
  const into = (key) => flowing(edgesInto.get(key)).filter(({ source }) => between.has(source));
  // What leads to the end: its number of paths there, their sum, and the log of the largest.
  const end = { node: to, entry: toEntry, count: 1n, total: 1, best: 0, onward: [] };
  const leading = new Map([[to, new Map([[toEntry, end]])]]);
  const missing = [];
  for (const key of [...data.order].reverse())
    for (const edge of leading.has(key) ? into(key) : []) {
      if (!edge.derivative?.entries) {
        missing.push(edge);
        continue;
      }
      const sources = once(leading, edge.source, () => new Map());
      const [rows, columns, values] = edge.derivative.entries;
      rows.forEach((row, i) => {
        const [next, derivative] = [leading.get(key).get(row), toNumber(values[i])];
        if (!next) return;
        const unknown = { node: edge.source, entry: columns[i], count: 0n, total: 0, best: -Infinity };
        const entry = once(sources, columns[i], () => ({ ...unknown, onward: [] }));
        entry.count += next.count;
        entry.total += derivative * next.total;
        entry.best = Math.max(entry.best, Math.log(Math.abs(derivative)) + next.best);
        entry.onward.push({ edge, derivative, next });
      });
    }
  const start = leading.get(from)?.get(fromEntry);
  if (!start) return { total: 0, count: 0n, missing, paths: [], rest: 0 };
  const reached = new Set([start]);
  for (const at of reached)
    for (const { derivative, next } of at.onward) {
      const what = () => `The local derivative of ${entryName(next)} with respect to ${entryName(at)} is ${written(derivative)}`;
      if (!Number.isFinite(derivative)) throw new RangeError(`${what()}, so the paths have no sum.`);
      reached.add(next);
    }
  // Beginnings of paths, of which the one that can become the largest is followed first, of equals
  // the longest; in the end those that are left stand for all other paths.
  const [begun, paths] = [[{ at: start, product: 1, lost: 0, steps: [] }], []];
  while (begun.length && paths.length < limit) {
    const path = begun.sort((a, b) => b.lost - a.lost).pop();
    if (path.at === end) paths.push(path);
    for (const step of path.at.onward) {
      const lost = path.lost + path.at.best - (Math.log(Math.abs(step.derivative)) + step.next.best);
      begun.push({ at: step.next, product: path.product * step.derivative, lost, steps: [...path.steps, step] });
    }
  }
  const rest = begun.reduce((sum, { product, at }) => sum + product * at.total, 0);
  return { total: start.total, count: start.count, missing, paths, rest };
}

// ---- choosing them, and showing them ---------------------------------------------------------------

const ENDS = ["from", "to"];
const differentiable = new Set([...flowing(data.edges).map((edge) => edge.source), ...data.heads]);
for (const key of data.order.filter((key) => nodes.has(key) && differentiable.has(key)))
  for (const end of ENDS) {
    const { name, heading } = nodes.get(key); // W is the symbol of many
    $(end).append(element("option", { value: key }, cut(name?.includes(".") ? name : heading, 38)));
  }
$("to").value = data.heads.find((key) => nodes.has(key)) ?? "";

function choosePathEnd(end, key) {
  $(end).value = key;
  const shape = nodes.get(key)?.value.shape ?? [];
  $(`${end}-entry`).value = shape.map(() => 0).join(",");
  $(`${end}-entry`).disabled = !shape.length;
}
for (const end of ENDS) {
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
    const ranges = shape.map((length) => `0…${length - 1}`).join(", ") || "itself";
    throw new RangeError(`${symbol} has shape ${shaped(shape)}: an entry of it is ${ranges}`);
  }
  return placeAt(shape, parts.map((part, i) => (part + shape[i]) % shape[i]));
}

function entryName({ node, entry }) {
  const { symbol, value } = nodes.get(node);
  return nameOfEntry(symbol, value.shape, entry);
}

function showPaths() {
  let shown;
  Object.assign(state, { paths: null, path: null, pinned: null });
  try {
    const [from, to] = ENDS.map((end) => ({ node: $(end).value, entry: placeOf(end) }));
    state.paths = pathsBetween(from.node, from.entry, to.node, to.entry, 10);
    shown = pathsView(state.paths, from, to);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    shown = [element("p", {}, error.message)];
  }
  $("paths-text").replaceChildren(...shown);
  showState();
}

function pathsView({ total, count, paths, rest, missing }, from, to) {
  const fraction = (of, by) => `∂${entryName(of)}/∂${entryName(by)}`;
  const whole = fraction(to, from);
  if (missing.length) {
    const { source, target, derivative } = missing[0];
    const what = derivative
      ? `The local derivative of ${called(target)} with respect to ${called(source)}, ${derivative.shape.join(" × ")}, is too large for this page.`
      : "These paths lead through a part of the graph that is too large for this page.";
    return [element("p", {}, `${what} In Python, paths(loss, w, index) follows them.`)];
  }
  if (!count)
    return [element("p", {}, `${whole} = 0: there is no path on which no local derivative is 0.`)];
  const factors = (texts) => texts.slice(0, 12).join(" · ") + (texts.length > 12 ? " · …" : "");
  const list = paths.map(({ product, steps }, i) => {
    const back = [...steps].reverse();
    const names = back.map(({ next }, j) => fraction(next, back[j + 1]?.next ?? from));
    const numbers = back.map(({ derivative }) => written(derivative).replace(/^−.*/, "($&)"));
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colourOf(i);
    const lines = [labelled(factors(names)), element("div", {}, `= ${factors(numbers)}`)];
    const handlers = {
      onclick: () => pinPath(i),
      onkeydown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), pinPath(i)),
      onpointerenter: () => lookAtPath(i),
      onpointerleave: () => lookAtPath(state.pinned),
    };
    const about = { "data-part": "path", tabindex: 0, role: "button", "aria-pressed": "false", ...handlers };
    return element("li", {}, element("div", about, swatch, number(product), ...lines));
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

const colourOf = (path) => `var(--path${path + 1})`;
const wayOf = ({ edge }) => `${drawnAs(edge.source)} ${drawnAs(edge.target)}`; // the drawn edge of a step

// The paths along each drawn edge, the largest first.
function pathsOnEdges() {
  const found = new Map();
  for (const [path, { steps }] of (state.paths?.paths ?? []).entries())
    for (const name of new Set(steps.map(wayOf))) once(found, name, () => []).push(path);
  return found;
}

function lookAtPath(path = null) {
  if (path === state.path) return;
  state.path = path;
  for (const [i, item] of [...document.querySelectorAll("#paths-text [data-part=path]")].entries()) {
    item.classList.toggle("looked-at", i === path);
    item.setAttribute("aria-pressed", i === state.pinned);
  }
  showState();
}

// Keep looking at a path, or stop that.
function pinPath(path) {
  state.pinned = state.pinned === path ? null : path;
  state.path = undefined; // so that it is shown anew
  lookAtPath(state.pinned);
}

function forgetPaths() {
  Object.assign(state, { paths: null, path: null, pinned: null, marked: false });
  $("paths-text").replaceChildren();
  draw();
}
$("paths").addEventListener("submit", (event) => (event.preventDefault(), showPaths()));
