/** Files for the user: the overlay as PNG, the answer as JSON, the table as CSV. */

import { percent, restate } from "./verdict.js";

/** Hand a file to the user. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Return a film's name without its ending. */
export const stem = (film) => film.name.replace(/\.[^.]{1,5}$/, "");

/** Return the answer as the service would give it at an operating point, with the maps that were asked for. */
export async function answerJson(film, model, point) {
  const maps = await Promise.allSettled([film.maps.cam ?? [], film.maps.layers ?? []]);
  const activation_maps = maps.flatMap(({ value }) => value ?? []);
  const answer = { ...restate(film.answer, model, point), activation_maps };
  return new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" });
}

/** Return the film as it is shown, at its own size, with the answer and what the map shows in words under it. */
export function overlayPng(film, model, point, viewer, map, except) {
  const lines = ["PneumoServe. Not a medical device."];
  if (film.answer !== null) {
    const { class: label, refer, probability, operating_point } = restate(film.answer, model, point);
    const outcome = refer ? `refer (would be ${label})` : label;
    lines.unshift(`${outcome}, probability ${percent(probability)}, operating point ${operating_point.name}`);
    lines[1] = `${model.name}/${model.version}. ${lines[1]}`;
  }
  if (film.isDrawing) lines.push("A drawing, not a radiograph.");
  if (map !== "") lines.push(map);
  const size = Math.max(9, Math.round(viewer.pixels.width / 48));
  const canvas = viewer.compose(Math.round(size * 1.5 * (lines.length + 0.7)), except);
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, viewer.pixels.height, canvas.width, canvas.height);
  context.fillStyle = "#fff";
  context.font = `${size}px system-ui, sans-serif`;
  lines.forEach((line, index) => {
    context.fillText(line, size, viewer.pixels.height + size * 1.5 * (index + 1.2), canvas.width - 2 * size);
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
