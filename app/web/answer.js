/** The answer in words. */

import { at, el } from "./element.js";
import { drawScale } from "./scale.js";
import { percent, restate, words } from "./verdict.js";

/** A sign beside each word: colour is never the only one. */
export const SIGNS = { PNEUMONIA: "▲", NORMAL: "▽", refer: "◆", refused: "⊘", failed: "✕" };

/** Show what is known of a film, at the operating point in use. */
export function showAnswer(film, model, point, actions) {
  at("answer").replaceChildren(...content(film, model, point, actions));
}

function content(film, model, point, actions) {
  const pending = film.asked ? "Reading the film …" : "In line …";
  if (film.state === "waiting") return [el("p", { class: "pending", text: pending })];
  if (film.state !== "answered") return failure(film, actions);
  const answer = restate(film.answer, model, point);
  return [headline(answer), sentence(answer, model), drawScale(answer, model, point), ...remarks(film, answer, actions)];
}

function headline(answer) {
  const label = answer.class;
  if (!answer.refer) return el("p", { class: `headline is-${label}` }, sign(label), el("strong", { text: label }));
  return el(
    "p",
    { class: "headline is-refer" },
    sign("refer"),
    el("strong", { text: "Refer: ask a human" }),
    el("span", { class: "would-be", text: ` the class would be ${label}` }),
  );
}

const sign = (name) => el("span", { class: "sign", "aria-hidden": "true", text: SIGNS[name] ?? "●" });

function sentence(answer, model) {
  const { name, threshold } = answer.operating_point;
  const relation = answer.class === model.labels[1] ? "at or above" : "below";
  const told = [`${model.labels[1]} has a calibrated probability of ${percent(answer.probability)}, ${relation} `];
  told.push(`the threshold of ${percent(threshold)} (operating point ${name}).`);
  if (answer.refer) {
    const isUnusual = answer.gate.verdict === "unusual";
    told.push(isUnusual ? " The film is unlike those of the training" : " It lies in the abstention band, where most errors do");
    told.push(": the model abstains.");
  }
  if (typeof answer.prevalence === "number") told.push(` Calibrated for a prevalence of ${percent(answer.prevalence)}.`);
  return el("p", { class: "sentence", text: told.join("") });
}

function remarks(film, answer, actions) {
  const parts = [];
  if (film.isDrawing) {
    const told = "This is a drawing, not a radiograph: it shows how the page works, and nothing about the model.";
    parts.push(el("p", { class: "drawn", text: told }));
  }
  if (answer.warnings.length > 0) {
    const item = ({ code, detail }) => el("li", {}, el("strong", { text: `${words(code)}. ` }), detail);
    parts.push(el("ul", { class: "warnings", "aria-label": "Warnings" }, ...answer.warnings.map(item)));
  }
  if (film.gate === "off") parts.push(again(film, "on", "Ask with the gate", actions));
  return parts;
}

function failure(film, actions) {
  const { problem } = film;
  const refused = film.state === "refused";
  const title = refused ? "Refused: no answer for this film" : problem.title;
  const parts = [
    el("p", { class: "headline is-problem" }, sign(film.state), el("strong", { text: title })),
    el("p", { class: "sentence", text: problem.detail }),
  ];
  const request = `${problem.slug}, request ${problem.requestId}`;
  if (problem.requestId !== null) parts.push(el("p", { class: "fine", text: request }));
  if (refused && film.gate === "on") {
    parts.push(again(film, "off", "Ask without the gate", actions));
    const told = "Without it the network answers any picture, also one that it knows nothing about. For research.";
    parts.push(el("p", { class: "fine", text: told }));
  }
  return parts;
}

const again = (film, gate, text, actions) => el("button", { text, click: () => actions.askAgain(film, gate) });
