/** The class activation map over the film: colours of a fixed scale in logits, or lines. Pure functions on arrays. */

/** RGB towards PNEUMONIA and against, for the colour-blind too (Okabe and Ito 2008); as the service draws them. */
const TOWARDS = [213, 94, 0];
const AGAINST = [0, 114, 178];
const STRONGEST_COVER = 0.65;
/** Lines at these shares of the scale, to both sides. */
export const LEVELS = [0.25, 0.5, 0.75, 1];
const SIDE = 192;

/** Return rows of logits enlarged as OpenCV's cubic does (Keys 1981 with a = −0.75), borders repeated. */
export function enlarge(values, width = SIDE, height = SIDE) {
  const [rows, columns] = [values.length, values[0].length];
  const across = weights(columns, width);
  const down = weights(rows, height);
  const mix = (taps, valueAt) => taps.reduce((sum, [from, weight]) => sum + weight * valueAt(from), 0);
  const wide = values.map((row) => across.map((taps) => mix(taps, (from) => row[from])));
  const data = new Float32Array(width * height);
  down.forEach((taps, y) => {
    for (let x = 0; x < width; x++) data[y * width + x] = mix(taps, (from) => wide[from][x]);
  });
  return { data, width, height };
}

function weights(size, larger) {
  return Array.from({ length: larger }, (_, to) => {
    const place = ((to + 0.5) * size) / larger - 0.5;
    const first = Math.floor(place);
    return [-1, 0, 1, 2].map((step) => {
      const from = Math.min(size - 1, Math.max(0, first + step));
      return [from, cubic(Math.abs(place - first - step))];
    });
  });
}

function cubic(distance, a = -0.75) {
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance ** 2 + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

/** Return RGBA of a value: bare at zero, strongest at `scale` logits. */
export function colourOf(value, scale) {
  const cover = Math.min(1, Math.abs(value) / scale) * STRONGEST_COVER;
  return [...(value > 0 ? TOWARDS : AGAINST), Math.round(255 * cover)];
}

/** Paint an enlarged map into an ImageData of its size. */
export function paintHeat(map, scale, image) {
  for (let index = 0; index < map.data.length; index++) image.data.set(colourOf(map.data[index], scale), 4 * index);
  return image;
}

/** Return where a map crosses a level, by marching squares, as segments [x0, y0, x1, y1] in shares of its sides. */
export function contour({ data, width, height }, level) {
  const segments = [];
  const value = (x, y) => data[y * width + x] - level;
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const corners = [value(x, y), value(x + 1, y), value(x + 1, y + 1), value(x, y + 1)];
      const crossings = [];
      for (let edge = 0; edge < 4; edge++) {
        const [from, to] = [corners[edge], corners[(edge + 1) % 4]];
        if (from < 0 !== to < 0) crossings.push(pointOn(edge, from / (from - to), x, y, width, height));
      }
      // Two crossings, or four at a saddle.
      for (let nth = 0; nth + 1 < crossings.length; nth += 2) segments.push(crossings.slice(nth, nth + 2).flat());
    }
  }
  return segments;
}

function pointOn(edge, share, x, y, width, height) {
  const [across, down] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][edge];
  return [(x + across + 0.5) / width, (y + down + 0.5) / height];
}
