// Show slices of three planes, cut from one picture per volume. All planes show the same point, at the same zoom.
const page = JSON.parse(document.getElementById("viewer-data").textContent);
const volumes = {};
const ACROSS = [[1, 2], [0, 2], [0, 1]]; // axes of rows and columns in the plane across an axis of the display order
const point = [0.5, 0.5, 0.5]; // fractions of these axes: inferior to superior, anterior to posterior, right to left
const view = { zoom: 1, cut: 50, map: page.first, over: false, input: Object.keys(page.inputs)[0] };
const byId = (id) => document.getElementById(id);

// A volume's picture holds its slices as tiles: undo that once.
async function decode(atlas) {
  const image = new Image();
  image.src = atlas.src;
  await image.decode();
  const sheet = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  const context = sheet.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, sheet.width, sheet.height).data;
  const { shape, along, tile, columns } = atlas, strides = [shape[1] * shape[2], shape[2], 1];
  const [a, b] = ACROSS[along], voxels = new Uint8Array(shape[0] * shape[1] * shape[2]);
  for (let t = 0; t < shape[along]; t++) {
    const top = Math.floor(t / columns) * tile[0], left = (t % columns) * tile[1];
    for (let r = 0; r < shape[a]; r++) for (let c = 0; c < shape[b]; c++)
      voxels[t * strides[along] + r * strides[a] + c * strides[b]] = pixels[4 * ((top + r) * sheet.width + left + c)];
  }
  return { ...atlas, voxels, strides, colours: table(page.colours[atlas.colours]) };
}

// 256 colours between the stops of a colour bar
function table(stops) {
  return Array.from({ length: 256 }, (_, k) => {
    const place = (k / 255) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(place)), w = place - i;
    return stops[i].map((low, n) => Math.round(low + w * (stops[i + 1][n] - low)));
  });
}

const rowOf = (axis) => (ACROSS[axis][0] === 0 ? 1 - point[0] : point[ACROSS[axis][0]]); // superior is up

// The slice of a volume through the point, as a small canvas of one pixel per voxel
function sliceOf(volume, axis) {
  const [a, b] = ACROSS[axis], { shape, strides, voxels, colours } = volume, height = shape[a], width = shape[b];
  const image = new ImageData(width, height), start = Math.min(shape[axis] - 1, Math.floor(point[axis] * shape[axis])) * strides[axis];
  for (let r = 0; r < height; r++) {
    const row = start + (a === 0 ? height - 1 - r : r) * strides[a];
    for (let c = 0; c < width; c++) image.data.set([...colours[voxels[row + c * strides[b]]], 255], 4 * (r * width + c));
  }
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Left and upper edge of what is seen, as fractions of the slice
const edges = (axis) => [point[ACROSS[axis][1]], rowOf(axis)].map((x) => Math.min(1 - 1 / view.zoom, Math.max(0, x - 0.5 / view.zoom)));

function paint(canvas, axis, parts) {
  const ratio = devicePixelRatio || 1, width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), [left, top] = edges(axis);
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, width, height);
  for (const [key, from, to, alpha = 1] of parts) {
    if (from === to) continue;
    context.save();
    context.beginPath();
    context.rect(from * width, 0, (to - from) * width, height);
    context.clip();
    context.globalAlpha = alpha;
    context.drawImage(sliceOf(volumes[key], axis), -left * view.zoom * width, -top * view.zoom * height, view.zoom * width, view.zoom * height);
    context.restore();
  }
  context.fillStyle = "#fff9";
  const x = (point[ACROSS[axis][1]] - left) * view.zoom * width, y = (rowOf(axis) - top) * view.zoom * height, tick = 8 * ratio;
  for (const [u, v, w, h] of [[x, 0, ratio, tick], [x, height - tick, ratio, tick], [0, y, tick, ratio], [width - tick, y, tick, ratio]]) context.fillRect(u, v, w, h);
  const cut = view.cut / 100;
  if (parts.some((part) => part[1] > 0) && cut > 0 && cut < 1) context.fillRect(cut * width, 0, ratio, height);
}

const figures = [...document.querySelectorAll("figure[data-plane]")].map((figure) => {
  const plane = page.planes[figure.dataset.plane], find = (name) => figure.querySelector(name);
  return { plane, pair: find(".pair canvas"), map: find(".map canvas"), slider: find(".slice"), caption: find(".where"), input: find(".l"), result: find(".r") };
});
const indexOf = (plane) => { const k = Math.min(plane.count - 1, Math.floor(point[plane.axis] * plane.count)); return plane.backwards ? plane.count - 1 - k : k; };
const inputNow = () => page.inputs[view.input];
const shownNow = () => (view.cut <= 0 ? "result" : view.cut >= 100 ? inputNow() : `${inputNow()} on the left, result on the right`);

function render() {
  for (const { plane, pair, map, slider, caption, input, result } of figures) {
    const k = indexOf(plane), where = `${plane.name}, slice ${k + 1} of ${plane.count}, ${plane.letter} = ${(plane.first + k * plane.step).toFixed(1)} mm`;
    slider.value = k;
    slider.setAttribute("aria-valuetext", where);
    caption.textContent = where;
    input.textContent = inputNow();
    input.hidden = view.cut <= 0; result.hidden = view.cut >= 100;
    pair.setAttribute("aria-label", `${where}: ${shownNow()}`);
    map.setAttribute("aria-label", `${where}: ${page.names[view.map]}${view.over ? " over the result" : ""}`);
    paint(pair, plane.axis, [[view.input, 0, view.cut / 100], ["result", view.cut / 100, 1]]);
    paint(map, plane.axis, view.over ? [["result", 0, 1], [view.map, 0, 1, 0.55]] : [[view.map, 0, 1]]);
  }
}
let asked = 0;
const ask = () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(render); };

function goTo(plane, k) {
  const at = Math.min(plane.count - 1, Math.max(0, k));
  point[plane.axis] = ((plane.backwards ? plane.count - 1 - at : at) + 0.5) / plane.count;
  ask();
}
function setZoom(value) { view.zoom = Math.min(8, Math.max(1, value)); byId("zoom").value = view.zoom; byId("zoom-now").textContent = `${view.zoom}x`; ask(); }
function setCut(value) { view.cut = Number(value); ask(); }

function listen() {
  for (const { plane, pair, map, slider } of figures) {
    slider.addEventListener("input", () => goTo(plane, Number(slider.value)));
    for (const canvas of [pair, map]) {
      const [a, b] = ACROSS[plane.axis];
      const point_at = (event) => {
        const box = canvas.getBoundingClientRect(), [left, top] = edges(plane.axis), held = (x) => Math.min(0.9999, Math.max(0, x));
        const across = held(left + (event.clientX - box.left) / box.width / view.zoom), down = held(top + (event.clientY - box.top) / box.height / view.zoom);
        point[b] = across; point[a] = a === 0 ? held(1 - down) : down;
        ask();
      };
      canvas.addEventListener("click", point_at);
      canvas.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse" && event.buttons === 1) point_at(event); });
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key], wider = { "+": 0.5, "=": 0.5, "-": -0.5 }[event.key];
        if (step) goTo(plane, indexOf(plane) + step);
        if (wider) setZoom(view.zoom + wider);
        if (step || wider) event.preventDefault();
      });
    }
  }
  byId("cut").addEventListener("input", (event) => setCut(event.target.value));
  byId("zoom").addEventListener("input", (event) => setZoom(Number(event.target.value)));
  document.querySelectorAll("input[name=input]").forEach((radio) => radio.addEventListener("change", () => { view.input = radio.value; ask(); }));
  document.querySelectorAll("input[name=map]").forEach((radio) => radio.addEventListener("change", () => {
    view.map = radio.value;
    document.querySelectorAll(".bar").forEach((bar) => { bar.hidden = bar.dataset.map !== view.map; });
    ask();
  }));
  byId("over").addEventListener("change", (event) => { view.over = event.target.checked; ask(); });
  let timer = null;
  const flicker = () => {
    if (timer) { clearInterval(timer); timer = null; setCut(byId("cut").value); }
    else { setCut(view.cut >= 100 ? 0 : 100); timer = setInterval(() => setCut(view.cut >= 100 ? 0 : 100), 500); }
    byId("flicker").setAttribute("aria-pressed", String(Boolean(timer)));
  };
  byId("flicker").addEventListener("click", flicker);
  byId("swap").addEventListener("click", () => setCut(view.cut >= 100 ? 0 : 100));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea, input:not([type=range], [type=radio], [type=checkbox])")) return;
    if (event.key === "f") flicker();
    if (event.key === "s") setCut(view.cut >= 100 ? 0 : 100);
  });
  new ResizeObserver(ask).observe(byId("planes"));
}

(async () => {
  try {
    for (const [key, atlas] of Object.entries(page.volumes)) volumes[key] = await decode(atlas);
    listen();
    setZoom(1);
    byId("state").remove();
    byId("viewer").removeAttribute("aria-busy");
  } catch (error) {
    byId("state").textContent = "This browser cannot show the images here. Open the restored file in a viewer.";
  }
})();
