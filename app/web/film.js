/** One film: the file, what was asked, what came. No pixels: many films must fit. */

import { Problem } from "./api.js";

/**
 * @typedef {{name: string, file: Blob, gate: "on" | "off", isDrawing: boolean, asked: boolean, answer: any, maps: any,
 *   state: "waiting" | "answered" | "refused" | "failed", problem: Problem | null, seconds: number | null}} Film
 * `maps` are fetched on demand, by kind.
 */

/** @returns {Film} */
export function makeFilm(file, name = file.name, { gate = "on", isDrawing = false } = {}) {
  return { name, file, isDrawing, ...unasked(gate) };
}

/** Forget what came, to ask anew. */
export const reset = (film, gate) => Object.assign(film, unasked(gate));

const unasked = (gate) => ({
  gate, state: "waiting", asked: false, answer: null, problem: null, seconds: null, maps: {},
});

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
  const query = { activation_maps: kind, ...gateOf(film) };
  film.maps[kind] ??= api.predict(film.file, query).then(({ answer }) => answer.activation_maps);
  try {
    return await film.maps[kind];
  } catch (error) {
    delete film.maps[kind];
    throw error;
  }
}

const gateOf = (film) => (film.gate === "off" ? { gate: "off" } : {});
