/** The page: wires its parts, and holds what they share. */

import { Api } from "./api.js";
import { toCsv } from "./csv.js";
import { at, el } from "./element.js";
import { EXAMPLES, makeExample } from "./examples.js";
import { ask, makeFilm, reset } from "./film.js";
import * as intake from "./intake.js";
import * as keys from "./keys.js";
import { Patience } from "./patience.js";
import { showPoints } from "./points.js";
import { Queue } from "./queue.js";
import { answerJson, download, overlayPng, stem } from "./save.js";
import { askKey, listenTheme, showWait } from "./status.js";
import { Study } from "./study.js";
import { Table } from "./table.js";
import { percent } from "./verdict.js";

const AT_ONCE = 3;

const state = { films: [], model: null, point: "", get running() { return queue.running; } };
const api = new Api(new Patience(showWait), askKey);
const queue = new Queue(AT_ONCE, read);
const study = new Study(api, () => state, { askAgain });
const table = new Table(() => state, (film) => open(film, true));
const known = api.model().then(learn).catch((error) => {
  at("status").textContent = `The page cannot start: ${error.message}`;
});

listenTheme();
intake.listen((files) => take(files.map((file) => makeFilm(file))));
for (const id of EXAMPLES) at(id).addEventListener("click", async () => take([await makeExample(id)]));

async function read(film) {
  await known;
  if (state.model === null) return;
  const asking = ask(film, api);
  show(film);
  await asking;
  show(film);
  // The count of those being read falls a moment later.
  setTimeout(() => table.refresh([]));
}

function show(film) {
  // Removed meanwhile.
  if (!state.films.includes(film)) return;
  table.refresh([film]);
  if (study.film === film) study.refresh();
}

function take(films) {
  if (films.length === 0) return;
  state.films.push(...films);
  document.body.classList.add("has-films");
  queue.add(films);
  if (films.length === 1) open(films[0], false);
  else showMany();
  table.refresh(films);
}

function open(film, movesFocus) {
  queue.hurry(film);
  at("many").hidden = true;
  at("one").hidden = false;
  for (const id of ["back", "previous", "next"]) at(id).hidden = state.films.length < 2;
  study.open(film);
  if (movesFocus) at("film-name").focus();
}

function showMany() {
  const { film } = study;
  study.close();
  at("one").hidden = true;
  at("many").hidden = false;
  if (film !== null) table.focus(film);
}

function step(by) {
  const shown = table.shown();
  const place = shown.indexOf(study.film);
  if (place >= 0 && shown[place + by] !== undefined) open(shown[place + by], false);
}

function askAgain(film, gate) {
  reset(film, gate);
  study.overlay.clear();
  queue.add([film]);
  queue.hurry(film);
  show(film);
}

function choose(point) {
  state.point = point;
  at("many-point").value = point;
  at(`point-${point}`).checked = true;
  table.refresh();
  study.refresh();
}

function learn(model) {
  state.model = model;
  state.point = model.default_operating_point;
  const name = `${model.name}/${model.version}`;
  at("model-name").textContent = name;
  at("model-told").textContent = `Model ${name}, SHA-256 ${model.sha256.slice(0, 12)}…, of ${model.created.slice(0, 10)}.`;
  at("intended").textContent = model.intended_use;
  showPoints(model, choose);
  const points = Object.entries(model.operating_points);
  const option = ([value, threshold]) => el("option", { value, text: `${value} (${percent(threshold)})` });
  at("many-point").replaceChildren(...points.map(option));
  choose(state.point);
}

at("many-point").addEventListener("change", (event) => choose(event.target.value));
at("back").addEventListener("click", showMany);
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("clear").addEventListener("click", () => {
  queue.clear();
  state.films = [];
  at("many").hidden = true;
  document.body.classList.remove("has-films");
  table.refresh();
  at("choose").focus();
});
at("save-csv").addEventListener("click", () => {
  const text = toCsv(table.shown(), state.model, state.point);
  download(new Blob([text], { type: "text/csv" }), "pneumoserve.csv");
});
at("save-json").addEventListener("click", async () => {
  const { film } = study;
  download(await answerJson(film, state.model, state.point), `${stem(film)}.json`);
});
at("save-png").addEventListener("click", async () => {
  const { film, viewer, overlay } = study;
  const png = await overlayPng(film, state.model, state.point, viewer, overlay.describe(), study.unsaved);
  download(png, `${stem(film)}-overlay.png`);
});

const withFilm = (act) => () => study.film !== null && act();
keys.listen({
  h: withFilm(() => study.toggleMap()),
  i: withFilm(() => study.viewer.invert()),
  r: withFilm(() => study.viewer.reset()),
  c: withFilm(() => study.useTool("cover")),
  w: withFilm(() => study.useTool("window")),
  n: withFilm(() => step(1)),
  p: withFilm(() => step(-1)),
  "+": withFilm(() => study.viewer.zoomBy(1)),
  "=": withFilm(() => study.viewer.zoomBy(1)),
  "-": withFilm(() => study.viewer.zoomBy(-1)),
  Escape: withFilm(() => state.films.length > 1 && showMany()),
});
