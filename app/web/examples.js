/** Three drawn films, for whoever has none at hand. */

import { drawChest, drawHand } from "./drawing.js";
import { makeFilm } from "./film.js";

const DRAWINGS = {
  "example-normal": ["Drawing, normal.png", () => drawChest({ opacity: false, seed: 1 })],
  "example-opacity": ["Drawing, opacity.png", () => drawChest({ opacity: true, seed: 2 })],
  "example-hand": ["Drawing, no chest.png", () => drawHand({ seed: 3 })],
};

/** The identifiers of the buttons. */
export const EXAMPLES = Object.keys(DRAWINGS);

/** Return a drawn film; it is asked about with the gate off, which knows radiographs alone. */
export async function makeExample(id) {
  const [name, draw] = DRAWINGS[id];
  const blob = await new Promise((resolve) => draw().toBlob(resolve, "image/png"));
  return makeFilm(blob, name, { gate: "off", isDrawing: true });
}
