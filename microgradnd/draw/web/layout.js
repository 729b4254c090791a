// Where everything stands: each open group is laid out by itself, in layers, and then is one large
// item of the group around it. Sizes and places are along the flow ("main") and across it.
"use strict";

const GAP = { main: 46, mainDown: 34, cross: 18, border: 14, title: 20 };
const LONGEST_BEND = 12; // layers that an edge is led around items in; longer ones go straight

// `group` has `items`, which have `main` and `cross` (their sizes) or are groups themselves; its
// `links` are pairs of them, and its `head` is what its title takes. Items that are a `port` are
// where an edge comes "in" or goes "out". Gives each item its place within its group.
function layOut(group, gap) {
  for (const item of group.items) if (item.items) layOut(item, gap);
  const links = withoutCircles(group.items, [...group.links.values()]);
  const layers = layersOf(group.items, links);
  const bends = addBends(layers, links);
  orderWithin(layers);
  placeAcross(layers);
  let main = GAP.border + group.head.main;
  for (const layer of layers) {
    const thickness = Math.max(0, ...layer.map((item) => item.main));
    for (const item of layer) {
      if (item.bend || item.port) item.main = thickness;
      item.at = main + (thickness - item.main) / 2;
    }
    main += thickness + gap;
  }
  const all = layers.flat();
  const least = Math.min(...all.map((item) => item.over));
  for (const item of all) item.over += GAP.border + group.head.cross - least;
  group.main = main - gap + GAP.border;
  group.cross = Math.max(...all.map((item) => item.over + item.cross)) + GAP.border;
  group.bends = bends;
}

// Links against the order of a walk from the sources are turned round.
function withoutCircles(items, links) {
  const onward = new Map(items.map((item) => [item, []]));
  for (const [a, b] of links) onward.get(a).push(b);
  const state = new Map();
  const order = [];
  for (const start of items) {
    const stack = [[start, 0]];
    if (state.has(start)) continue;
    state.set(start, "entered");
    while (stack.length) {
      const top = stack[stack.length - 1];
      const next = onward.get(top[0])[top[1]++];
      if (next === undefined) {
        order.push(top[0]);
        stack.pop();
      } else if (!state.has(next)) {
        state.set(next, "entered");
        stack.push([next, 0]);
      }
    }
  }
  const place = new Map(order.reverse().map((item, i) => [item, i]));
  return links.map(([a, b]) => (place.get(a) < place.get(b) ? [a, b] : [b, a]));
}

function layersOf(items, links) {
  const into = new Map(items.map((item) => [item, []]));
  const onward = new Map(items.map((item) => [item, []]));
  for (const [a, b] of links) (into.get(b).push(a), onward.get(a).push(b));
  const waiting = new Map(items.map((item) => [item, into.get(item).length]));
  const ready = items.filter((item) => !waiting.get(item));
  for (const item of ready) {
    item.layer = Math.max(-1, ...into.get(item).map((source) => source.layer)) + 1;
    for (const next of onward.get(item)) {
      waiting.set(next, waiting.get(next) - 1);
      if (!waiting.get(next)) ready.push(next);
    }
  }
  const last = Math.max(...items.map((item) => item.layer));
  for (const item of ready) {
    // what nothing leads to stands just before its first use
    if (item.port === "out") item.layer = last;
    else if (!item.port && !into.get(item).length && onward.get(item).length)
      item.layer = Math.min(...onward.get(item).map((next) => next.layer)) - 1;
  }
  const layers = [];
  for (const item of items) (layers[item.layer] ??= []).push(item);
  for (let i = 0; i < layers.length; i++) layers[i] ??= [];
  return layers;
}

// A link over several layers takes some room in each; `bends` leads from a link to these places.
function addBends(layers, links) {
  const bends = new Map();
  for (const layer of layers) for (const item of layer) ((item.before = []), (item.after = []));
  for (const [a, b] of links) {
    const chain = [a];
    if (b.layer - a.layer <= LONGEST_BEND) {
      for (let layer = a.layer + 1; layer < b.layer; layer++) {
        const bend = { main: 0, cross: 4, layer, before: [], after: [], bend: true };
        layers[layer].push(bend);
        chain.push(bend);
      }
      bends.set(linkName(a, b), chain.slice(1));
    }
    chain.push(b);
    for (let i = 1; i < chain.length; i++) {
      chain[i - 1].after.push(chain[i]);
      chain[i].before.push(chain[i - 1]);
    }
  }
  return bends;
}

const linkName = (a, b) => `${a.key} ${b.key}`;

function orderWithin(layers) {
  const rank = () => layers.forEach((layer) => layer.forEach((item, i) => (item.rank = i)));
  rank();
  for (let sweep = 0; sweep < 8; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      for (const item of layer) {
        const others = down ? item.before : item.after;
        item.wish = others.length
          ? others.reduce((sum, o) => sum + o.rank, 0) / others.length
          : item.rank;
      }
      layer.sort((a, b) => a.wish - b.wish);
      layer.forEach((item, i) => (item.rank = i));
    }
  }
}

// Each item wishes to stand in the middle of its neighbours; in a layer the wishes are met as well
// as they can be without changing the order.
function placeAcross(layers) {
  for (const layer of layers) {
    let over = 0;
    for (const item of layer) {
      item.over = over;
      over += item.cross + GAP.cross;
    }
    for (const item of layer) item.over -= over / 2;
  }
  const middle = (item) => item.over + item.cross / 2;
  for (let sweep = 0; sweep < 12; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const wishes = layer.map((item) => {
        const beside = down ? item.before : item.after;
        const others = beside.length ? beside : down ? item.after : item.before;
        return others.length
          ? others.reduce((sum, o) => sum + middle(o), 0) / others.length - item.cross / 2
          : item.over;
      });
      meetWishes(layer, wishes);
    }
  }
}

function meetWishes(layer, wishes) {
  const blocks = []; // items that touch, with the mean of what they wish for the first of them
  let offset = 0;
  layer.forEach((item, i) => {
    let block = { sum: wishes[i] - offset, weight: 1, items: [[item, offset]] };
    offset += item.cross + GAP.cross;
    while (
      blocks.length &&
      blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight
    ) {
      const before = blocks.pop();
      block = {
        sum: before.sum + block.sum,
        weight: before.weight + block.weight,
        items: before.items.concat(block.items),
      };
    }
    blocks.push(block);
  });
  for (const block of blocks)
    for (const [item, shift] of block.items) item.over = block.sum / block.weight + shift;
}
