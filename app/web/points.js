/** The operating points: which is in use, and what was measured at each. */

import { at, el } from "./element.js";
import { measurements, percent, proportion } from "./verdict.js";

/** Fill the table of operating points from `GET /model`; `choose` hears of another choice. */
export function showPoints(model, choose) {
  const sets = measurements(model.metrics);
  const rows = Object.keys(model.operating_points).map((name) => row(model, name, choose));
  at("points-body").replaceChildren(...rows.map(({ line }) => line));
  const measured = at("measured-on");
  measured.replaceChildren(...sets.map(({ name }, index) => el("option", { value: String(index), text: name })));
  at("measured").hidden = sets.length === 0;
  const fill = () => {
    const set = sets[Number(measured.value)];
    for (const { name, sensitivity, specificity } of rows) {
      write(sensitivity, proportion(set?.points[name]?.sensitivity));
      write(specificity, proportion(set?.points[name]?.specificity));
    }
  };
  measured.addEventListener("change", fill);
  fill();
}

function write(cell, [value, interval]) {
  cell.replaceChildren(value, " ", el("small", { text: interval }));
}

function row(model, name, choose) {
  const id = `point-${name}`;
  const chosen = name === model.default_operating_point;
  const radio = el("input", { type: "radio", name: "point", id, checked: chosen, change: () => choose(name) });
  const [sensitivity, specificity] = [el("td"), el("td")];
  const label = el("label", { for: id }, radio, el("span", { text: name }));
  const threshold = el("td", { text: percent(model.operating_points[name]) });
  const line = el("tr", {}, el("th", { scope: "row" }, label), threshold, sensitivity, specificity);
  return { name, line, sensitivity, specificity };
}
