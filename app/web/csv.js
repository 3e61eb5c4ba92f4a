/** The table as CSV, with the columns of `pneumoserve score`. */

import { restate } from "./verdict.js";

const COLUMNS = [
  "path", "class", "probability", "refer", "operating_point", "threshold", "warnings", "model", "model_sha256",
  "http_status", "error", "error_detail", "seconds",
];

/** Return films as CSV, one a row, in the order given. */
export function toCsv(films, model, point) {
  const lines = films.map((film) => COLUMNS.map((name) => quote(row(film, model, point)[name])).join(","));
  return [COLUMNS.join(","), ...lines, ""].join("\n");
}

function row(film, model, point) {
  const named = { path: noFormula(film.name), seconds: film.seconds?.toFixed(3) };
  if (film.problem !== null) {
    const { status, slug, detail } = film.problem;
    return { ...named, http_status: status || "", error: slug, error_detail: detail };
  }
  if (film.answer === null) return named;
  const answer = restate(film.answer, model, point);
  return {
    ...named,
    class: answer.class,
    probability: answer.probability,
    refer: answer.refer,
    operating_point: answer.operating_point.name,
    threshold: answer.operating_point.threshold,
    warnings: answer.warnings.map(({ code }) => code).join(";"),
    model: `${answer.model.name}/${answer.model.version}`,
    model_sha256: answer.model.sha256,
    http_status: 200,
  };
}

/** A spreadsheet would compute a name that begins so. */
const noFormula = (name) => (/^[=+\-@\t\r]/.test(name) ? `./${name}` : name);

function quote(value) {
  const text = String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
