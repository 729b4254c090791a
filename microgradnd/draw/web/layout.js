// Where everything stands: each open group is laid out by itself, in layers, and then is one large
// item of the group around it. Sizes and places are along the flow ("main") and across it.

const GAP = { main: 46, mainDown: 34, cross: 18, border: 14, title: 20 };
const SWEEPS = 20; // over the layers; in the first half they change the order of items
const LONGEST_BEND = 12; // layers that an edge is led around items in; longer ones go straight

// `group` has `items`, which have `main` and `cross` (their sizes) or are groups themselves; its
// `links` lead from an item to another, and its `head` is what its title takes. Items that are a
// `port` are where an edge comes "in" or goes "out". Each item gets its place within its group.
function layOut(group, gap) {
  for (const item of group.items) if (item.items) layOut(item, gap);
  const layers = layersOf(group);
  placeWithin(layers);
  let main = GAP.border + group.head.main;
  for (const layer of layers) {
    const thickness = Math.max(0, ...layer.map((item) => item.main));
    for (const item of layer) {
      if (item.bend || item.port) item.main = thickness;
      item.at = main + (thickness - item.main) / 2;
    }
    main += thickness + gap;
  }
  const items = layers.flat();
  const least = Math.min(...items.map((item) => item.over));
  for (const item of items) item.over += GAP.border + group.head.cross - least;
  group.main = main - gap + GAP.border;
  group.cross = Math.max(...items.map((item) => item.over + item.cross)) + GAP.border;
}

// The layers of a group, with a bend in each layer that a link passes. In a circle one link leads
// back. What nothing leads to stands just before its first use.
function layersOf({ items, links }) {
  for (const item of items) Object.assign(item, { sources: [], targets: [], before: [], after: [] });
  for (const { a, b } of links.values()) (a.targets.push(b), b.sources.push(a));
  const visit = (item) => {
    if (item.layer !== undefined) return;
    item.layer = -1; // until its sources have theirs
    item.sources.forEach(visit);
    item.layer = 1 + Math.max(-1, ...item.sources.map((source) => source.layer));
  };
  items.forEach(visit);
  const last = Math.max(...items.map((item) => item.layer));
  for (const item of items)
    if (item.port === "out") item.layer = last;
    else if (!item.port && !item.sources.length && item.targets.length)
      item.layer = Math.max(0, Math.min(...item.targets.map((target) => target.layer)) - 1);
  const layers = Array.from({ length: last + 1 }, () => []);
  for (const item of items) layers[item.layer].push(item);
  for (const link of links.values()) {
    const [start, end, chain] = [link.a.layer, link.b.layer, [link.a, link.b]];
    for (let layer = start + 1; layer < end && end - start <= LONGEST_BEND; layer++) {
      const bend = { main: 0, cross: 4, before: [], after: [], bend: true };
      layers[layer].push(bend);
      chain.splice(-1, 0, bend);
    }
    chain.forEach((item, i) => i && (item.before.push(chain[i - 1]), chain[i - 1].after.push(item)));
    link.chain = chain;
  }
  return layers;
}

// Each item is drawn to the middle of its neighbours, before and after it in turn.
function placeWithin(layers) {
  for (const layer of layers) {
    let over = -layer.reduce((sum, item) => sum + item.cross + GAP.cross, 0) / 2;
    for (const item of layer) ((item.over = over), (over += item.cross + GAP.cross));
  }
  const middle = (item) => item.over + item.cross / 2;
  for (let i = 0; i < SWEEPS; i++) {
    const [beside, other] = i % 2 ? ["after", "before"] : ["before", "after"];
    for (const layer of i % 2 ? [...layers].reverse() : layers) {
      for (const item of layer) {
        const others = item[beside].length ? item[beside] : item[other];
        item.goal = others.length ? mean(others, middle) - item.cross / 2 : item.over;
      }
      if (i < SWEEPS / 2) layer.sort((a, b) => a.goal + a.cross / 2 - b.goal - b.cross / 2);
      let [least, most] = [-Infinity, Infinity]; // halfway between pushed onwards and pushed back
      for (const item of layer) {
        item.over = Math.max(item.goal, least);
        least = item.over + item.cross + GAP.cross;
      }
      for (const item of [...layer].reverse()) {
        const back = Math.min(item.goal, most - item.cross);
        most = back - GAP.cross;
        item.over = (item.over + back) / 2;
      }
    }
  }
}
