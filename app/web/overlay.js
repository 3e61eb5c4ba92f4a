/** The map over the film, on demand, with its legend. */

import { at } from "./element.js";
import { LEVELS, colourOf, contour, enlarge, paintHeat } from "./map.js";
import { makeCanvas } from "./pixels.js";
import { logits, words } from "./verdict.js";

const DASHES = 60;

export class Overlay {
  #heat = null;
  #lines = [];
  #cam = null;

  /** @param {() => void} changed asks for a new drawing */
  constructor(changed) {
    this.changed = changed;
    this.isOn = false;
    at("opacity").addEventListener("input", changed);
    for (const style of ["heat", "contour"]) {
      at(`style-${style}`).addEventListener("change", () => {
        if (this.#cam !== null) this.#legend();
        changed();
      });
    }
  }

  /** Forget the film's map, and show none. */
  clear() {
    this.#cam = null;
    this.turn(false);
    at("map-told").textContent = "";
  }

  /** Show the map or hide it. */
  turn(on) {
    this.isOn = on;
    at("map").setAttribute("aria-pressed", String(on));
    at("map-panel").hidden = !on;
    this.changed();
  }

  /** Return what is drawn in words, for a picture that leaves the page. */
  describe() {
    return this.isOn && this.#cam !== null ? at("map-scale").textContent : "";
  }

  /**
   * Take a film's map.
   * @param {any} cam one of the answer's `activation_maps`, of kind `cam`; `scale` is the same for every film
   */
  take(cam) {
    this.#cam = cam;
    const { scale } = cam;
    const map = enlarge(cam.values);
    this.#heat = makeCanvas(map.width, map.height);
    const context = this.#heat.getContext("2d");
    context.putImageData(paintHeat(map, scale, context.createImageData(map.width, map.height)), 0, 0);
    const shares = LEVELS.flatMap((share) => [share, -share]);
    this.#lines = shares.map((share) => ({ share, segments: contour(map, share * scale) }));
    at("map-told").textContent = this.#tell();
    this.#legend();
    this.changed();
  }

  /** Draw over the film's rectangle. */
  draw = (context, film) => {
    if (!this.isOn || this.#cam === null) return;
    context.save();
    context.globalAlpha = Number(at("opacity").value) / 100;
    if (at("style-heat").checked) {
      context.imageSmoothingEnabled = true;
      context.drawImage(this.#heat, film.x, film.y, film.width, film.height);
    } else this.#drawLines(context, film);
    this.#drawExtremes(context, film);
    context.restore();
  };

  /** Name the strongest cell to each side: a sign beside the colour. */
  #drawExtremes(context, film) {
    const { values } = this.#cam;
    const flat = values.flat();
    const size = Math.round(Math.max(12, film.width / 45));
    context.font = `600 ${size}px system-ui, sans-serif`;
    Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: size / 4 });
    for (const value of [Math.max(...flat), Math.min(...flat)]) {
      if (Math.abs(value) < LEVELS[0] * this.#cam.scale) continue;
      const [place, columns] = [flat.indexOf(value), values[0].length];
      const x = film.x + (((place % columns) + 0.5) / columns) * film.width;
      const y = film.y + ((Math.floor(place / columns) + 0.5) / values.length) * film.height - size;
      context.strokeStyle = "#000";
      context.strokeText(logits(value), x, y);
      context.fillStyle = "#fff";
      context.fillText(logits(value), x, y);
    }
  }

  #drawLines(context, film) {
    const thin = Math.max(1, Math.min(film.width, film.height) / 450);
    for (const { share, segments } of this.#lines) {
      const path = new Path2D();
      for (const [x0, y0, x1, y1] of segments) {
        // Against is dashed: colour is not the only sign.
        if (share < 0 && (Math.floor(DASHES * x0) + Math.floor(DASHES * y0)) % 2 === 0) continue;
        path.moveTo(film.x + x0 * film.width, film.y + y0 * film.height);
        path.lineTo(film.x + x1 * film.width, film.y + y1 * film.height);
      }
      for (const [colour, width] of [["#000", 3], [lineColour(share), 1.6]]) {
        context.strokeStyle = colour;
        context.lineWidth = thin * width * (Math.abs(share) === 1 ? 1.4 : 1);
        context.stroke(path);
      }
    }
  }

  #tell() {
    const { values, bias, method, layer } = this.#cam;
    const cells = `${values.length} × ${values[0].length} cells`;
    const where = layer === null ? "" : `, layer ${layer}`;
    const told = ["What the network used, not where disease is: maps localise worse than radiologists do (Saporta 2022);"];
    told.push(`the model card tells how this one was checked. ${words(method)}${where}, ${cells}.`);
    if (bias === null) told.push("A cell says by how much the logit falls where it is covered; the cells do not sum to it.");
    else {
      const sum = values.flat().reduce((total, value) => total + value, 0);
      told.push(`All cells ${logits(sum)} and the rest ${logits(bias)} are the network's logit, ${logits(sum + bias)}.`);
    }
    return told.join(" ");
  }

  #legend() {
    const { scale } = this.#cam;
    const canvas = at("legend");
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    context.fillStyle = "#6b6b6b";
    context.fillRect(0, 0, width, height);
    const isHeat = at("style-heat").checked;
    if (isHeat) {
      for (let x = 0; x < width; x++) {
        const [red, green, blue, alpha] = colourOf(((2 * x) / (width - 1) - 1) * scale, scale);
        context.fillStyle = `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
        context.fillRect(x, 0, 1, height);
      }
    } else {
      for (const { share } of this.#lines) {
        context.fillStyle = lineColour(share);
        context.fillRect(Math.round(((share + 1) / 2) * (width - 3)), 0, 3, height);
      }
    }
    at("legend-low").textContent = `${logits(-scale)} against`;
    at("legend-high").textContent = `${logits(scale)} towards PNEUMONIA`;
    const step = isHeat ? "Strongest colour at" : "Lines at a quarter, half, three quarters and all of";
    at("map-scale").textContent = `${step} ±${scale.toFixed(2)} logits a cell, the same for every film.`;
  }
}

/** Lighter than areas, to be seen on lung and bone alike. */
const lineColour = (share) => (share > 0 ? "rgb(255, 140, 40)" : "rgb(70, 180, 255)");
