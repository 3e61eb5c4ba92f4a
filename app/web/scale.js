/** The probability on a scale, with the operating points and the abstention band. */

import { el } from "./element.js";
import { percent } from "./verdict.js";

/** Two names closer than this share of the scale stand in different rows. */
const CROWDED = 0.27;

/** Return the scale, 0 to 100 %, of an answer at the operating point in use. */
export function drawScale(answer, model, point) {
  const band = model.refer_band;
  const below = el("div", { class: "lower" });
  below.style.width = `${100 * model.operating_points[point]}%`;
  const track = el("div", { class: "track" }, below);
  if (band !== null) {
    const drawn = el("div", { class: "band" });
    drawn.style.left = `${100 * band.low}%`;
    drawn.style.width = `${100 * (band.high - band.low)}%`;
    track.append(drawn);
  }
  const names = el("div", { class: "names" });
  const ends = [-1, -1];
  const points = Object.entries(model.operating_points).sort((one, other) => one[1] - other[1]);
  for (const [name, threshold] of points) {
    const chosen = name === point ? " chosen" : "";
    const row = threshold - ends[0] < CROWDED && ends[0] >= 0 ? 1 : 0;
    ends[row] = threshold;
    const tick = el("i", { class: `tick${chosen}` });
    tick.style.left = `${100 * threshold}%`;
    track.append(tick);
    const label = el("span", { class: `name${chosen} row-${row} ${side(threshold)}` }, `${name} ${percent(threshold)}`);
    label.style.left = `${100 * threshold}%`;
    names.append(label);
  }
  const pin = el("div", { class: "pin" });
  pin.style.left = `${100 * answer.probability}%`;
  track.append(pin);
  const marker = el("div", { class: `value ${side(answer.probability)}`, text: percent(answer.probability) });
  marker.style.left = `${100 * answer.probability}%`;
  const picture = el(
    "div",
    { class: `scale${ends[1] >= 0 ? " two-rows" : ""}`, role: "img", "aria-label": describe(answer, points, point, band) },
    el("div", { class: "values" }, marker),
    track,
    names,
  );
  const hatched = band === null ? "" : ` Hatched: abstention band, ${percent(band.low)} to ${percent(band.high)}.`;
  const key = `Left of the bold line ${model.labels[0]}, from it on ${model.labels[1]}.${hatched}`;
  return el("figure", { class: "scale-figure" }, picture, el("figcaption", { text: key }));
}

function side(share) {
  if (share < 0.14) return "from-left";
  return share > 0.86 ? "from-right" : "";
}

function describe(answer, points, point, band) {
  const told = [`Probability of ${percent(answer.probability)} on a scale from 0 to 100 %`];
  for (const [name, threshold] of points) {
    told.push(`operating point ${name}${name === point ? ", in use," : ""} at ${percent(threshold)}`);
  }
  if (band !== null) told.push(`abstention band from ${percent(band.low)} to ${percent(band.high)}`);
  return `${told.join("; ")}.`;
}
