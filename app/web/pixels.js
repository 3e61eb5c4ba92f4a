/** A film's gray values for the screen. */

/** The screen needs no more; the service reads the file itself. */
const LARGEST_SIDE = 2048;
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47];

/**
 * @typedef {{gray: Uint8ClampedArray, width: number, height: number, rendered: boolean}} Pixels
 * `rendered`: as the service did it, not the browser.
 */

/**
 * Return a film's pixels, `null` where neither browser nor service shows it.
 * @param {import("./api.js").Api} api renders what the browser cannot: DICOM, and PNG of 16 bits, which it would darken
 * @returns {Promise<Pixels | null>}
 */
export async function readPixels(file, api) {
  const own = (await isDeepPng(file)) ? null : await decode(file);
  if (own !== null) return grayOf(own, false);
  const rendered = await api.render(file).then(decode, () => null);
  if (rendered !== null) return grayOf(rendered, true);
  const dark = await decode(file);
  return dark && grayOf(dark, false);
}

async function isDeepPng(file) {
  const head = new Uint8Array(await file.slice(0, 25).arrayBuffer());
  return PNG_SIGNATURE.every((byte, index) => head[index] === byte) && head[24] === 16;
}

async function decode(blob) {
  try {
    // No blob is no picture either.
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

function grayOf(bitmap, rendered) {
  const shrink = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const context = makeCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const gray = new Uint8ClampedArray(width * height);
  for (let from = 0, to = 0; to < gray.length; from += 4, to++) {
    gray[to] = 0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2];
  }
  return { gray, width, height, rendered };
}

/** Return a canvas that stands nowhere. */
export function makeCanvas(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** Return a canvas with gray values, each through a table of 256. */
export function paintGray({ gray, width, height }, table, canvas = makeCanvas(width, height)) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const packed = new Uint32Array(image.data.buffer);
  const colours = Uint32Array.from(table, (value) => 0xff000000 | (value * 0x010101));
  for (let index = 0; index < gray.length; index++) packed[index] = colours[gray[index]];
  context.putImageData(image, 0, 0);
  return canvas;
}
