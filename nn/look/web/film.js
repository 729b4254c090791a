"use strict";
// Draws one frame of a training at a time on canvases. All numbers come from the element "data".

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const CLASSES = ["#4c78d8", "#e4793a", "#3c9d5b", "#b85ac0", "#c4a52b", "#3aa6b0", "#d0506a", "#808890", "#7a5c3e", "#8f9d2f"];
const frames = data.steps.length;

// ---- numbers -----------------------------------------------------------------------------------

// The entries of an array in a frame, from -1 to 1 or nan; none where it has none.
const bytes = (text) => Array.from(atob(text), (letter) => letter.charCodeAt(0));
const signed = (level) => (level === 255 ? NaN : (level - 127) / 127);
const entries = (array, frame) => bytes(array?.frames[frame] ?? "").map(signed);
const shown = (value) => Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });

// Blue is positive, red negative, as in pictures of graphs; what is not a number is yellow.
function colour(value) {
  if (Number.isNaN(value)) return "#f2c200";
  const [r, g, b] = value < 0 ? [214, 60, 45] : [35, 105, 215];
  const share = Math.min(Math.abs(value), 1);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? 30 : 255;
  return `rgb(${[r, g, b].map((part) => Math.round(dark + (part - dark) * share)).join()})`;
}

// ---- panels ------------------------------------------------------------------------------------

function made(tag, parent, properties) {
  return Object.assign(parent.appendChild(document.createElement(tag)), properties);
}

function panel(title, width, height, draw) {
  const section = made("section", byId("panels"));
  const heading = made("h2", section, { textContent: title });
  const canvas = made("canvas", section, { width, height, role: "img", ariaLabel: title });
  const pen = canvas.getContext("2d");
  return (frame) => {
    pen.clearRect(0, 0, width, height);
    draw(pen, frame, heading);
  };
}

function circle(pen, [x, y], radius, fill, rim) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  Object.assign(pen, { fillStyle: fill, strokeStyle: rim, lineWidth: 1 });
  pen.fill();
  pen.stroke();
}

// Rows of numbers, or images in a row, as cells of one size.
function cells(array, chosen) {
  const images = array.shape.length === 3;
  const [rows, high, wide] = images ? array.shape : [array.shape[0], 1, array.shape[1]];
  const [across, gap] = images ? [Math.min(rows, 6), 4] : [1, 0];
  const size = images ? 5 : Math.max(4, Math.min(16, Math.floor(420 / wide)));
  const [right, down] = [wide * size + 4, high * size + gap];
  return panel(array.name, across * right, Math.ceil(rows / across) * down, (pen, frame, heading) => {
    const source = chosen(array), numbers = entries(source, frame);
    heading.textContent = `${array.name}: largest ${shown(source.most)}${numbers.some(Number.isNaN) ? "; nan is yellow" : ""}`;
    numbers.forEach((value, index) => {
      const row = Math.floor(index / (high * wide)), place = index % (high * wide);
      const x = (row % across) * right + (place % wide) * size;
      const y = Math.floor(row / across) * down + Math.floor(place / wide) * size;
      pen.fillStyle = colour(value);
      pen.fillRect(x, y, size - (size > 6), size - (size > 6));
    });
  });
}

function curves(name, values, others) {
  const known = [...values, ...others].filter(Number.isFinite);
  if (!known.length) return null;
  const low = Math.min(...known, 0), high = Math.max(...known), last = data.steps[frames - 1] || 1;
  return panel(name, 460, 200, (pen, frame, heading) => {
    const text = getComputedStyle(document.body).color;
    const place = (step, value) => [50 + (400 * step) / last, 175 - (160 * (value - low)) / (high - low || 1)];
    const line = (steps, numbers, style, dash = []) => {
      pen.beginPath();
      pen.setLineDash(dash);
      pen.strokeStyle = style;
      numbers.forEach((value, k) => Number.isFinite(value) && pen.lineTo(...place(steps[k], value)));
      pen.stroke();
    };
    Object.assign(pen, { fillStyle: text, font: "12px sans-serif", textBaseline: "middle", lineWidth: 1 });
    for (const part of [0, 0.5, 1]) {
      const value = low + part * (high - low), step = Math.round(part * last);
      pen.textAlign = "right";
      pen.fillText(shown(value), 45, place(0, value)[1]);
      pen.textAlign = ["left", "center", "right"][2 * part];
      pen.fillText(step.toLocaleString("en"), place(step, low)[0], 190);
      line([0, last], [value, value], "#8884");
    }
    pen.lineWidth = 2;
    line(data.steps, values, text, [5, 4]);
    line(data.validation.steps, others, "#3a7be0");
    line([data.steps[frame], data.steps[frame]], [low, high], "#e4793a");
    const value = Number.isFinite(values[frame]) ? ` ${shown(values[frame])}` : "";
    heading.textContent = `${name}${value} (dashed: training as it goes; blue: validation)`;
  });
}

function regions(found) {
  const { across, points, labels } = data.plane, size = 9, side = across * size;
  const most = Math.max(...labels, 1);
  return panel(found.name, side, side, (pen, frame) => {
    bytes(found.frames[frame]).forEach((level, index) => {
      const x = index % across, y = Math.floor(index / across);
      pen.globalAlpha = found.classes ? 0.35 : 1;
      pen.fillStyle = found.classes ? CLASSES[level % CLASSES.length] : colour(signed(level));
      pen.fillRect(x * size, side - (y + 1) * size, size, size);
    });
    pen.globalAlpha = 1;
    points.forEach(([x, y], k) => {
      const fill = found.classes ? CLASSES[labels[k] % CLASSES.length] : colour((2 * labels[k]) / most - 1);
      circle(pen, [x * side, side - y * side], 3, fill, "#0008");
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
  const positionOf = (array) => data.activations.findIndex(({ name }) => name.startsWith(`${array.name.replace(/\.?weight$/, "")} (`));
  const outputs = sizes.map((size, layer) => {
    const position = layer ? positionOf(weights[layer - 1]) : 0, after = data.activations[position + 1];
    const isNext = weights[layer] && positionOf(weights[layer]) === position + 1;
    return layer && after && !isNext && after.shape[1] === size ? after : data.activations[position];
  });
  return panel("network", width, height, (pen, frame) => {
    weights.forEach((array, layer) => {
      entries(chosen(array), frame).forEach((value, index) => {
        pen.beginPath();
        pen.strokeStyle = colour(Math.sign(value));
        pen.globalAlpha = Number.isNaN(value) ? 1 : Math.abs(value);
        pen.lineWidth = 0.5 + 4 * pen.globalAlpha;
        pen.moveTo(...place(layer, index % sizes[layer]));
        pen.lineTo(...place(layer + 1, Math.floor(index / sizes[layer])));
        pen.stroke();
      });
    });
    pen.globalAlpha = 1;
    sizes.forEach((size, layer) => {
      const numbers = entries(outputs[layer], frame);
      for (let unit = 0; unit < size; unit++) {
        circle(pen, place(layer, unit), 12, colour(numbers[example() * size + unit] ?? 0), "#8888");
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
  ...data.regions.map(regions),
  network(ofGradients, () => Number(example.value)),
  ...data.weights.map((array) => cells(array, ofGradients)),
  ...data.activations.map((array) => cells({ ...array, name: `activations: ${array.name}` }, (array) => array)),
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
