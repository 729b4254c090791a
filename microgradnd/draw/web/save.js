// The picture as it is now, as a file: with the styles of the page, and nothing else of it.

function download(blob, ending) {
  const name = cut(document.title.replace(/[^\p{L}\p{N}]+/gu, "-"), 60);
  const link = element("a", { download: `${name}-step-${state.step ?? "all"}.${ending}` });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Its colours are written out, as drawing programs know no variables.
function svgAlone() {
  const [copy, { width, height }] = [svg.cloneNode(true), scene.whole];
  const ground = element("svg:rect", { width, height, fill: "var(--page)" });
  copy.prepend(element("svg:style", {}, document.querySelector("style").textContent), ground);
  for (const [name, value] of Object.entries({ width, height })) copy.setAttribute(name, value);
  const colours = getComputedStyle(document.documentElement);
  const text = new XMLSerializer().serializeToString(copy);
  return text.replace(/var\((--[\w-]+)\)/g, (_, name) => colours.getPropertyValue(name));
}

const saveSvg = () => download(new Blob([svgAlone()]), "svg");

// The policy of the page admits only images that are written out, as data: URLs.
async function savePng() {
  const { width, height } = scene.whole;
  const sharp = Math.min(2, 8000 / Math.max(width, height));
  const image = Object.assign(new Image(), { src: `data:image/svg+xml,${encodeURIComponent(svgAlone())}` });
  await image.decode();
  const canvas = element("canvas", { width: Math.ceil(width * sharp), height: Math.ceil(height * sharp) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(blob, "png"));
}
