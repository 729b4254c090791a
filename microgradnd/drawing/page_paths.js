// The paths between two entries, from the local derivatives in the page, as `paths` finds them.
"use strict";

// `edges` are the uses that can be followed. Gives {total, count, paths, rest, missing}: `missing`
// are uses on the way whose local derivatives are too large to be in the page.
function pathsBetween(from, fromEntry, to, toEntry, order, edges, limit) {
  const [leaving, arriving] = [new Map(), new Map()];
  const put = (map, key, edge) => (map.has(key) ? map.get(key).push(edge) : map.set(key, [edge]));
  for (const edge of edges) if (edge.flows) (put(leaving, edge.source, edge), put(arriving, edge.target, edge));
  const leads = new Set([to]); // what `to` can be reached from: nodes, and boxes that do not open
  for (const key of leads) for (const edge of arriving.get(key) ?? []) leads.add(edge.source);
  const start = { node: from, entry: fromEntry, onward: [] };
  const reached = new Map([[from, new Map([[fromEntry, start]])]]);
  const missing = [];
  const inOrder = [];
  for (const key of order) { // parents first
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
        if (!targets.has(rows[i])) targets.set(rows[i], { node: edge.target, entry: rows[i], onward: [] });
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
      heap.push(size + step.next.best, { at: step.next, product: begun.product * step.derivative, size, steps });
    }
  }
  return { paths, rest: heap.values().reduce((sum, begun) => sum + begun.product * begun.at.total, 0) };
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
    for (let up = (i - 1) >> 1; i && items[up][0] < items[i][0]; i = up, up = (i - 1) >> 1) [items[i], items[up]] = [items[up], items[i]];
  }
  pop() {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length) {
      items[0] = last;
      for (let i = 0; ; ) {
        const left = 2 * i + 1;
        const child = left + 1 < items.length && items[left + 1][0] > items[left][0] ? left + 1 : left;
        if (child >= items.length || items[child][0] <= items[i][0]) break;
        [items[i], items[child]] = [items[child], items[i]];
        i = child;
      }
    }
    return top[1];
  }
}
