// The picture as it is now, as a file: with its colours, and nothing else of the page.

const LOOKS = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "opacity", "font", "visibility", "text-anchor", "paint-order"];
const nameOf = (ending) => `${cut(document.title.replace(/[^\p{L}\p{N}]+/gu, "-"), 60)}-step-${state.step ?? "all"}.${ending}`;

function download(blob, name) {
  const link = element("a", { download: name });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function svgAlone() {
  const copy = svg.cloneNode(true);
  const shown = [...svg.querySelectorAll("*")];
  for (const [i, drawn] of [...copy.querySelectorAll("*")].entries()) {
    const look = getComputedStyle(shown[i]);
    for (const part of LOOKS) drawn.style.setProperty(part, look.getPropertyValue(part));
    for (const name of ["role", "tabindex", "class"]) drawn.removeAttribute(name);
  }
  const { width, height } = scene.whole;
  const background = getComputedStyle(document.body).backgroundColor;
  copy.prepend(element("svg:rect", { width, height, fill: background }));
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return new XMLSerializer().serializeToString(copy);
}

const saveSvg = () => download(new Blob([svgAlone()], { type: "image/svg+xml" }), nameOf("svg"));

// Drawn shape by shape: the policy of the page admits no images, not even its own.
function savePng() {
  const { width, height } = scene.whole;
  const sharp = Math.min(2, 8000 / Math.max(width, height));
  const canvas = element("canvas", { width: Math.ceil(width * sharp), height: Math.ceil(height * sharp) });
  const paint = canvas.getContext("2d");
  paint.scale(sharp, sharp);
  paint.fillStyle = getComputedStyle(document.body).backgroundColor;
  paint.fillRect(0, 0, width, height);
  for (const drawn of $("view").querySelectorAll("rect, path, text")) {
    const look = getComputedStyle(drawn);
    if (look.visibility === "hidden") continue;
    paint.globalAlpha = look.opacity * getComputedStyle(drawn.parentNode).opacity;
    Object.assign(paint, { fillStyle: look.fill, strokeStyle: look.stroke, lineWidth: parseFloat(look.strokeWidth) });
    paint.setLineDash(look.strokeDasharray === "none" ? [] : look.strokeDasharray.split(",").map(parseFloat));
    paint.lineDashOffset = parseFloat(look.strokeDashoffset);
    if (drawn.localName === "text") paintText(paint, drawn, look);
    else {
      const shape = drawn.localName === "path" ? new Path2D(drawn.getAttribute("d")) : new Path2D();
      const box = ["x", "y", "width", "height"].map((name) => Number(drawn.getAttribute(name)));
      if (drawn.localName === "rect") shape.roundRect(...box, 6);
      if (look.fill !== "none") paint.fill(shape);
      if (look.stroke !== "none") paint.stroke(shape);
      if (drawn.hasAttribute("marker-end")) paintTip(paint, drawn);
    }
  }
  canvas.toBlob((blob) => download(blob, nameOf("png")));
}

function paintText(paint, drawn, look) {
  let [x, y] = ["x", "y"].map((name) => Number(drawn.getAttribute(name)));
  paint.textAlign = look.textAnchor === "middle" ? "center" : "left";
  for (const part of drawn.childNodes) {
    paint.font = getComputedStyle(part.localName ? part : drawn).font;
    if (look.stroke !== "none") paint.strokeText(part.textContent, x, y);
    paint.fillText(part.textContent, x, y);
    x += paint.measureText(part.textContent).width;
  }
}

function paintTip(paint, edge) {
  const length = edge.getTotalLength();
  const [end, before] = [edge.getPointAtLength(length), edge.getPointAtLength(length - 4)];
  paint.save();
  paint.translate(end.x, end.y);
  paint.rotate(Math.atan2(end.y - before.y, end.x - before.x));
  paint.fillStyle = paint.strokeStyle;
  paint.fill(new Path2D("M-8,-4 L1,0 L-8,4 z"));
  paint.restore();
}
