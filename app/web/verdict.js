/** An answer at another operating point, and numbers in words. Pure functions. */

/**
 * Return an answer as the service gives it at an operating point of `GET /model`: class and threshold, nothing else,
 * depend on it.
 */
export function restate(answer, model, point) {
  if (answer.operating_point.name === point || !(point in model.operating_points)) return answer;
  const threshold = model.operating_points[point];
  const [negative, positive] = model.labels;
  const label = answer.probability >= threshold ? positive : negative;
  return { ...answer, class: label, operating_point: { name: point, threshold } };
}

/** Return a probability as a percentage that promises neither certainty nor false digits. */
export function percent(probability) {
  if (probability < 0.001) return "< 0.1 %";
  if (probability > 0.999) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

/** Return a proportion and its 95 % interval, as of `metrics`; a dash where it was not measured. */
export function proportion(estimate) {
  if (typeof estimate?.value !== "number") return ["—", ""];
  const share = (value) => (100 * value).toFixed(1);
  return [`${share(estimate.value)} %`, `${share(estimate.low)} to ${share(estimate.high)}`];
}

/** Return a number of logits with its sign. */
export function logits(value, digits = 2) {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : `${value < 0 ? "−" : "+"}${size}`;
}

/** Return a code such as `limited-evidence` as words. */
export const words = (code) => code.charAt(0).toUpperCase() + code.slice(1).replaceAll("-", " ");

/**
 * Return what each operating point was measured on, held-out tests first.
 * @returns {{name: string, points: Record<string, {sensitivity: any, specificity: any}>}[]}
 */
export function measurements(metrics) {
  const sets = [];
  const add = (name, set) => {
    const films = Object.values(set.films).reduce((sum, count) => sum + count, 0);
    sets.push({ name: `${name} (${films} films)`, points: set.operating_points });
  };
  for (const set of metrics.test ?? []) add(`held-out test: ${set.data}`, set);
  if (metrics.validation) add("validation films, used for choosing", metrics.validation);
  const whole = (set) => !set.view;
  for (const set of (metrics.test_sources ?? []).filter(whole)) add(`held-out: ${set.population}, ${set.source}`, set);
  for (const set of (metrics.sources ?? []).filter(whole)) add(`validation: ${set.population}, ${set.source}`, set);
  return sets;
}
