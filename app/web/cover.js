/** Covering a region: how the probability moves without it (as Zeiler and Fergus 2014). */

import { at } from "./element.js";
import { Problem } from "./api.js";
import { makeCanvas, paintGray } from "./pixels.js";
import { percent } from "./verdict.js";

const WIDEST = 1024;
const STEP = 0.04;
const SMALLEST = 0.01;

export class Cover {
  #viewer;
  #api;
  #pixels = null;
  #before = null;
  #box = null;
  #from = null;
  #asked = 0;

  /**
   */
  constructor(viewer, api) {
    this.#viewer = viewer;
    this.#api = api;
    at("uncover").addEventListener("click", () => this.clear());
  }

  /** Take another film, or none. */
  take(pixels) {
    this.#pixels = pixels;
    this.#before = null;
    this.clear();
  }

  /** Remove the box and what it showed. */
  clear() {
    this.#box = null;
    this.#asked++;
    at("cover-told").textContent = "";
    at("uncover").hidden = true;
    this.#viewer.draw();
  }

  begin(point) {
    this.#from = point;
  }

  move(point) {
    if (this.#from === null) return;
    const { x, y } = this.#from;
    this.#place(Math.min(x, point.x), Math.min(y, point.y), Math.abs(x - point.x), Math.abs(y - point.y));
  }

  end(isDone) {
    if (this.#from !== null && isDone && this.#box !== null) this.ask();
    this.#from = null;
  }

  /** Move the box by arrow keys, size it with Shift, ask with Enter; return whether the key was for it. */
  key({ key, shiftKey }) {
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
    if (step === undefined && key !== "Enter") return false;
    const box = this.#box ?? { x: 0.4, y: 0.4, width: 0.2, height: 0.2 };
    const [x, y] = step ?? [0, 0];
    if (shiftKey) this.#place(box.x, box.y, box.width + x, box.height + y);
    else this.#place(box.x + x, box.y + y, box.width, box.height);
    if (key === "Enter") this.ask();
    return true;
  }

  /** Ask about the film with and without the box. */
  async ask() {
    const { width, height } = this.#box;
    if (this.#pixels === null || width < SMALLEST || height < SMALLEST) return;
    const asked = ++this.#asked;
    const pixels = this.#pixels;
    at("cover-told").textContent = "Asking …";
    try {
      this.#before ??= this.#probability(pixels, null);
      const [before, after] = await Promise.all([this.#before, this.#probability(pixels, this.#box)]);
      if (asked !== this.#asked) return;
      const points = 100 * (after - before);
      const moved = `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)} percentage points`;
      const told = `Probability ${percent(before)} → ${percent(after)} with the region covered (${moved}).`;
      at("cover-told").textContent = told;
    } catch (error) {
      this.#before = null;
      if (asked === this.#asked) at("cover-told").textContent = error instanceof Problem ? error.detail : String(error);
    }
  }

  /** Draw the box over the film's rectangle. */
  draw = (context, film) => {
    if (this.#box === null) return;
    const { x, y, width, height } = this.#box;
    const gray = this.#viewer.table()[meanOf(this.#pixels)];
    const place = [film.x + x * film.width, film.y + y * film.height, width * film.width, height * film.height];
    context.save();
    context.fillStyle = `rgb(${gray}, ${gray}, ${gray})`;
    context.fillRect(...place);
    context.lineWidth = 1.5;
    context.strokeStyle = "#000";
    context.strokeRect(...place);
    context.setLineDash([5, 4]);
    context.strokeStyle = "#fff";
    context.strokeRect(...place);
    context.restore();
  };

  #place(x, y, width, height) {
    const [wide, tall] = [Math.min(1, Math.max(SMALLEST, width)), Math.min(1, Math.max(SMALLEST, height))];
    const within = (start, size) => Math.min(1 - size, Math.max(0, start));
    this.#box = { x: within(x, wide), y: within(y, tall), width: wide, height: tall };
    at("uncover").hidden = false;
    this.#viewer.draw();
  }

  async #probability(pixels, box) {
    const picture = await encode(pixels, box);
    const { answer } = await this.#api.predict(picture, { gate: "off" });
    return answer.probability;
  }
}

/** Return a film as PNG, a region of it in its mean gray. */
function encode(pixels, box) {
  const shrink = Math.min(1, WIDEST / pixels.width);
  const canvas = makeCanvas(Math.round(pixels.width * shrink), Math.round(pixels.height * shrink));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const whole = paintGray(pixels, Uint8Array.from({ length: 256 }, (_, gray) => gray));
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  if (box !== null) {
    const gray = meanOf(pixels);
    context.fillStyle = `rgb(${gray}, ${gray}, ${gray})`;
    const edge = (share, side) => Math.round(share * side);
    const [left, top] = [edge(box.x, canvas.width), edge(box.y, canvas.height)];
    const [right, bottom] = [edge(box.x + box.width, canvas.width), edge(box.y + box.height, canvas.height)];
    context.fillRect(left, top, right - left, bottom - top);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

const means = new WeakMap();

function meanOf(pixels) {
  if (!means.has(pixels)) {
    const sum = pixels.gray.reduce((total, value) => total + value, 0);
    means.set(pixels, Math.round(sum / pixels.gray.length));
  }
  return means.get(pixels);
}
