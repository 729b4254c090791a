"use strict";
// Draws one frame of a training at a time on canvases. All numbers come from the element "data".

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const CLASSES = ["#4c78d8", "#e4793a", "#3c9d5b", "#b85ac0", "#c4a52b", "#3aa6b0", "#d0506a", "#808890", "#7a5c3e", "#8f9d2f"];
const frames = data.steps.length;

// ---- numbers -----------------------------------------------------------------------------------

// The entries of an array in a frame, from -1 to 1; null where it has none.
const bytes = (text) => Array.from(atob(text), (letter) => letter.charCodeAt(0));
const signed = (level) => (level - 127) / 127;
const entries = (array, frame) => (array && array.frames[frame] ? bytes(array.frames[frame]).map(signed) : null);

// Blue is positive, red negative, as in pictures of graphs.
function colour(value) {
  const [r, g, b] = value < 0 ? [214, 60, 45] : [35, 105, 215];
  const share = Math.min(Math.abs(value), 1);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? 30 : 255;
  return `rgb(${[r, g, b].map((part) => Math.round(dark + (part - dark) * share)).join()})`;
}

// ---- panels ------------------------------------------------------------------------------------

function panel(title, width, height, draw) {
  const section = document.createElement("section");
  const heading = section.appendChild(document.createElement("h2"));
  const canvas = section.appendChild(document.createElement("canvas"));
  heading.textContent = title;
  canvas.width = width;
  canvas.height = height;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title);
  byId("panels").append(section);
  const pen = canvas.getContext("2d");
  return (frame) => {
    pen.clearRect(0, 0, width, height);
    draw(pen, frame, heading);
  };
}

// Rows of numbers, or images in a row, as cells of one size.
function cells(array, chosen, side = 0) {
  const [rows, high, wide] = array.shape.length === 3 ? array.shape : [array.shape[0], 1, array.shape[1]];
  const images = array.shape.length === 3;
  const across = images ? Math.min(rows, 6) : 1;
  const size = side || (images ? 5 : Math.max(4, Math.min(16, Math.floor(420 / wide))));
  const width = across * (wide * size + 4), height = Math.ceil(rows / across) * (high * size + (images ? 4 : 0));
  return panel(array.name, width, height, (pen, frame, heading) => {
    const shown = chosen(array), numbers = entries(shown, frame);
    heading.textContent = `${array.name}: largest ${Number(shown.most.toPrecision(3))}`;
    (numbers || []).forEach((value, index) => {
      const row = Math.floor(index / (high * wide)), place = index % (high * wide);
      const x = (row % across) * (wide * size + 4) + (place % wide) * size;
      const y = Math.floor(row / across) * (high * size + (images ? 4 : 0)) + Math.floor(place / wide) * size;
      pen.fillStyle = colour(value);
      pen.fillRect(x, y, size - (size > 6), size - (size > 6));
    });
  });
}

function curves(name, values, others) {
  const known = [...values, ...others].filter((value) => value !== null);
  if (!known.length) return null;
  const low = Math.min(...known, 0), high = Math.max(...known), last = data.steps[frames - 1] || 1;
  const text = getComputedStyle(document.body).color;
  return panel(name, 420, 180, (pen, frame, heading) => {
    const place = (step, value) => [10 + (400 * step) / last, 170 - (160 * (value - low)) / (high - low || 1)];
    const line = (steps, numbers, style, dash) => {
      pen.beginPath();
      pen.setLineDash(dash);
      pen.strokeStyle = style;
      numbers.forEach((value, k) => value !== null && pen.lineTo(...place(steps[k], value)));
      pen.stroke();
    };
    pen.lineWidth = 2;
    line(data.steps, values, text, [5, 4]);
    line(data.validation.steps, others, "#3a7be0", []);
    pen.beginPath();
    pen.strokeStyle = "#e4793a";
    pen.moveTo(...place(data.steps[frame], low));
    pen.lineTo(...place(data.steps[frame], high));
    pen.stroke();
    const value = values[frame] === null ? "" : ` ${Number(values[frame].toPrecision(4))}`;
    heading.textContent = `${name}${value} (dashed: training as it goes; blue: validation)`;
  });
}

function regions(found) {
  const size = 9, side = found.across * size;
  const most = Math.max(...found.labels, 1);
  return panel("regions of the inputs", side, side, (pen, frame) => {
    bytes(found.frames[frame]).forEach((level, index) => {
      const x = index % found.across, y = Math.floor(index / found.across);
      pen.globalAlpha = found.classes ? 0.35 : 1;
      pen.fillStyle = found.classes ? CLASSES[level % CLASSES.length] : colour(signed(level));
      pen.fillRect(x * size, side - (y + 1) * size, size, size);
    });
    pen.globalAlpha = 1;
    found.points.forEach(([x, y], k) => {
      pen.beginPath();
      pen.arc(x * side, side - y * side, 3, 0, 7);
      pen.fillStyle = found.classes ? CLASSES[found.labels[k] % CLASSES.length] : colour((2 * found.labels[k]) / most - 1);
      pen.fill();
      pen.strokeStyle = "#0008";
      pen.stroke();
    });
  });
}

// Layers of few neurons: circles for activations, lines for weights.
function network(chosen, example) {
  const weights = data.weights.filter((array) => array.shape.length === 2 && /(^|\.)weight$/.test(array.name));
  const sizes = weights.length ? [weights[0].shape[1], ...weights.map((array) => array.shape[0])] : [];
  const fits = weights.every((array, k) => array.shape[1] === sizes[k]) && sizes.every((n) => n <= 12);
  if (!weights.length || !fits || !data.activations.length) return null;
  const width = 130 * sizes.length, height = 34 * Math.max(...sizes) + 20;
  const place = (layer, unit) => [65 + 130 * layer, height / 2 + 34 * (unit - (sizes[layer] - 1) / 2)];
  // of the layers with so many units the last before the next weights
  const outputs = sizes.map((size, layer) => {
    const position = layer ? data.activations.findIndex((a) => a.name.startsWith(`${weights[layer - 1].name.replace(/\.?weight$/, "")} (`)) : 0;
    const after = data.activations[position + 1];
    const next = weights[layer] && after && after.name.startsWith(`${weights[layer].name.replace(/\.?weight$/, "")} (`);
    return layer && after && !next && after.shape[1] === size ? after : data.activations[position];
  });
  return panel("network", width, height, (pen, frame) => {
    weights.forEach((array, layer) => {
      (entries(chosen(array), frame) || []).forEach((value, index) => {
        pen.beginPath();
        pen.strokeStyle = colour(value < 0 ? -1 : 1);
        pen.globalAlpha = Math.abs(value);
        pen.lineWidth = 0.5 + 4 * Math.abs(value);
        pen.moveTo(...place(layer, index % sizes[layer]));
        pen.lineTo(...place(layer + 1, Math.floor(index / sizes[layer])));
        pen.stroke();
      });
    });
    pen.globalAlpha = 1;
    sizes.forEach((size, layer) => {
      const numbers = entries(outputs[layer], frame);
      for (let unit = 0; unit < size; unit++) {
        pen.beginPath();
        pen.arc(...place(layer, unit), 12, 0, 7);
        pen.fillStyle = colour(numbers ? numbers[example() * size + unit] : 0);
        pen.fill();
        pen.lineWidth = 1;
        pen.strokeStyle = "#8888";
        pen.stroke();
      }
    });
  });
}

// ---- the player --------------------------------------------------------------------------------

const slider = byId("frame"), example = byId("example");
const ofGradients = (array) => (byId("gradients").checked && data.gradients.find((other) => other.name === array.name)) || array;
const examples = data.activations.length ? data.activations[0].shape[0] : 0;
for (let k = 0; k < examples; k++) example.append(new Option(k + 1, k));
example.disabled = !examples;
slider.max = frames - 1;

const panels = [
  curves("loss", data.loss, data.validation.loss),
  curves("accuracy", data.accuracy, data.validation.accuracy),
  data.regions && regions(data.regions),
  network(ofGradients, () => Number(example.value)),
  ...data.weights.map((array) => cells(array, ofGradients)),
  ...data.activations.map((array) => cells({ ...array, name: `activations: ${array.name}` }, (shown) => shown)),
].filter(Boolean);

function show() {
  const frame = Number(slider.value);
  byId("now").textContent = `step ${data.steps[frame].toLocaleString("en")}`;
  panels.forEach((draw) => draw(frame));
}

let timer = 0;
function play(on) {
  clearInterval(timer);
  timer = 0;
  byId("play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  if (Number(slider.value) === frames - 1) slider.value = 0;
  timer = setInterval(() => {
    slider.value = Number(slider.value) + 1;
    show();
    if (Number(slider.value) === frames - 1) play(false);
  }, 1000 / Number(byId("speed").value));
}

slider.addEventListener("input", () => { play(false); show(); });
byId("play").addEventListener("click", () => play(!timer));
byId("speed").addEventListener("change", () => timer && play(true));
byId("gradients").addEventListener("change", show);
example.addEventListener("change", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target === document.body) { event.preventDefault(); play(!timer); }
});
show();
