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
  for (const [name, length] of Object.entries({ width, height })) copy.setAttribute(name, length);
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

const saveSvg = () => download(svgAlone(), nameOf("svg"));

// The policy of the page admits images that it makes itself.
async function savePng() {
  const { width, height } = scene.whole;
  const sharp = Math.min(2, 8000 / Math.max(width, height));
  const image = Object.assign(new Image(), { src: URL.createObjectURL(svgAlone()) });
  await image.decode();
  URL.revokeObjectURL(image.src);
  const canvas = element("canvas", { width: Math.ceil(width * sharp), height: Math.ceil(height * sharp) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(blob, nameOf("png")));
}
