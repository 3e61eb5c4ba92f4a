/** One film: the file, what was asked, what came. No pixels: many films must fit. */

import { Problem } from "./api.js";

let count = 0;

/**
 * @typedef {object} Film
 * @property {number} id
 * @property {string} name
 * @property {Blob} file
 * @property {"on" | "off"} gate
 * @property {boolean} isDrawing
 * @property {"waiting" | "answered" | "refused" | "failed"} state
 * @property {boolean} asked
 * @property {any} answer
 * @property {Problem | null} problem
 * @property {number | null} seconds
 * @property {any} maps fetched on demand, by kind
 */

/** @returns {Film} */
export function makeFilm(file, name = file.name, { gate = "on", isDrawing = false } = {}) {
  const empty = { state: "waiting", asked: false, answer: null, problem: null, seconds: null, maps: {} };
  return { id: ++count, name, file, gate, isDrawing, ...empty };
}

/** Forget what came, to ask anew. */
export function reset(film, gate) {
  Object.assign(film, { gate, state: "waiting", asked: false, answer: null, problem: null, seconds: null, maps: {} });
}

/** Ask about a film, and keep on it what came. */
export async function ask(film, api) {
  film.asked = true;
  try {
    const { answer, seconds } = await api.predict(film.file, gateOf(film));
    Object.assign(film, { state: "answered", answer, seconds });
  } catch (error) {
    film.problem = error instanceof Problem ? error : new Problem(0, "page-error", "The page failed", String(error));
    film.state = film.problem.slug === "unsuitable-image" ? "refused" : "failed";
  }
}

/** Return a film's maps of one kind, `cam` or `layers`; they are asked for once. */
export async function mapsOf(film, kind, api) {
  film.maps[kind] ??= api.predict(film.file, { activation_maps: kind, ...gateOf(film) }).then(({ answer }) => answer.activation_maps);
  try {
    return await film.maps[kind];
  } catch (error) {
    delete film.maps[kind];
    throw error;
  }
}

const gateOf = (film) => (film.gate === "off" ? { gate: "off" } : {});
