/** The table of many films: it fills as answers come, sorts, filters; a click opens a film. */

import { SIGNS } from "./answer.js";
import { at, el } from "./element.js";
import { percent, restate, words } from "./verdict.js";

const HEADINGS = {
  order: "No.", name: "Film", class: "Answer", probability: "Probability", refer: "Refer", warnings: "Remarks",
};

export class Table {
  #rows = new Map();
  #sort = { by: "order", rising: true };
  #touched = new Set();
  #pending = false;
  #open;
  #state;

  /** `state` tells films, model, point and how many are asked about; `open` hears of a chosen film. */
  constructor(state, open) {
    this.#state = state;
    this.#open = open;
    const heads = Object.entries(HEADINGS).map(([by, text]) => {
      return el("th", { scope: "col", "data-by": by }, el("button", { text, click: () => this.#sortBy(by) }));
    });
    at("table-head").replaceChildren(...heads);
    for (const id of ["filter-class", "filter-refer"]) at(id).addEventListener("change", () => this.refresh());
    at("table-body").addEventListener("keydown", (event) => this.#step(event));
  }

  /** Draw films anew, soon and together; without any named, all. */
  refresh(films = this.#state().films) {
    for (const film of films) this.#touched.add(film);
    if (this.#pending) return;
    this.#pending = true;
    // A redrawing a frame at most, however fast answers come.
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#redraw();
    });
  }

  /** Return the films that are shown, in their order. */
  shown() {
    const { films, model, point } = this.#state();
    const facts = new Map(films.map((film, index) => [film, factsOf(film, index, model, point)]));
    const [label, refer] = [at("filter-class").value, at("filter-refer").checked];
    const { by, rising } = this.#sort;
    const isShown = (fact) => (label === "" || fact.group === label) && (!refer || fact.refer === 1);
    return films.filter((film) => isShown(facts.get(film))).sort((one, other) => {
      const [a, b] = [facts.get(one), facts.get(other)];
      // What is not known stands last, either way.
      if ((a[by] === null) !== (b[by] === null)) return a[by] === null ? 1 : -1;
      const isText = typeof a[by] === "string";
      const order = isText ? a[by].localeCompare(b[by], undefined, { numeric: true }) : a[by] - b[by];
      return (rising ? order : -order) || a.order - b.order;
    });
  }

  /** Put the focus on a film's row. */
  focus(film) {
    this.#rows.get(film)?.querySelector("button")?.focus();
  }

  #sortBy(by) {
    const rising = this.#sort.by === by ? !this.#sort.rising : !["probability", "refer", "warnings"].includes(by);
    this.#sort = { by, rising };
    this.refresh([]);
  }

  #redraw() {
    const { films, model, point, running } = this.#state();
    for (const film of this.#touched) {
      if (!this.#rows.has(film)) this.#rows.set(film, this.#emptyRow(film));
      fill(this.#rows.get(film), factsOf(film, films.indexOf(film), model, point));
    }
    this.#touched.clear();
    for (const film of this.#rows.keys()) if (films.length === 0) this.#rows.delete(film);
    arrange(at("table-body"), this.shown().map((film) => this.#rows.get(film)));
    for (const head of at("table-head").children) {
      const isSorted = head.dataset.by === this.#sort.by;
      if (isSorted) head.setAttribute("aria-sort", this.#sort.rising ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    count(films, running, at("table-body").childElementCount);
  }

  #emptyRow(film) {
    const button = el("button", { text: film.name, title: film.name, click: () => this.#open(film) });
    const cells = [el("td"), el("th", { scope: "row" }, button), el("td"), el("td", { class: "number" }), el("td")];
    const click = ({ target }) => target !== button && this.#open(film);
    return el("tr", { click }, ...cells, el("td", { class: "remarks" }));
  }

  #step(event) {
    const rows = [...at("table-body").children];
    const place = rows.indexOf(event.target.closest("tr"));
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (place < 0 || to === undefined || rows[to] === undefined) return;
    event.preventDefault();
    rows[to].querySelector("button").focus();
  }
}

function factsOf(film, order, model, point) {
  const unknown = { class: null, probability: null, refer: null, warnings: null, group: "", text: "" };
  const facts = { order: order + 1, name: film.name, ...unknown };
  if (film.state === "waiting") return { ...facts, text: film.asked ? "reading …" : "in line" };
  if (film.answer === null) {
    const { slug, detail } = film.problem;
    return { ...facts, class: slug, group: "none", text: words(slug), sign: SIGNS[film.state], warnings: detail };
  }
  const answer = restate(film.answer, model, point);
  const warnings = answer.warnings.map(({ code }) => words(code)).join(", ");
  const { class: label, probability } = answer;
  const shown = { class: label, group: label, text: label, sign: SIGNS[label] };
  return { ...facts, ...shown, probability, refer: Number(answer.refer), warnings };
}

function fill(row, facts) {
  const [order, , answer, probability, refer, warnings] = row.children;
  order.textContent = facts.order;
  answer.textContent = facts.sign ? `${facts.sign} ${facts.text}` : facts.text;
  answer.className = `is-${facts.group}`;
  probability.textContent = facts.probability === null ? "" : percent(facts.probability);
  refer.textContent = facts.refer === 1 ? `${SIGNS.refer} refer` : "";
  warnings.textContent = facts.warnings ?? "";
}

/** Put rows into an order, and touch only those that stand elsewhere. */
function arrange(body, rows) {
  rows.forEach((row, index) => {
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
  });
  while (body.childElementCount > rows.length) body.lastElementChild.remove();
}

function count(films, running, shown) {
  const done = films.filter(({ state }) => state !== "waiting").length;
  const without = films.filter(({ problem }) => problem !== null).length;
  Object.assign(at("progress"), { max: Math.max(1, films.length), value: done });
  const told = [`${done} of ${films.length} done`];
  if (without > 0) told.push(`${without} without an answer`);
  if (running > 0) told.push(`${running} being read`);
  if (shown < films.length) told.push(`${shown} shown`);
  at("progress-told").textContent = told.join(", ");
}
