/** The film on its canvas: window and level, zoom and pan, and what lies over it. */

import { makeCanvas, paintGray } from "./pixels.js";

const FARTHEST = 12;
const STEP = 1.25;

export class Viewer {
  #canvas;
  #shown = makeCanvas(1, 1);
  #changed;
  #pending = false;

  /** @param {(viewer: Viewer) => void} changed hears of every new drawing */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    this.pixels = null;
    /** Draw over the film: called with the context and the film's rectangle, in CSS pixels. */
    this.overlays = [];
    this.reset();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Show a film from the start, or none. */
  show(pixels) {
    this.pixels = pixels;
    this.reset();
  }

  /** Undo window, level, inversion, zoom and pan. */
  reset() {
    Object.assign(this, { window: 255, level: 127.5, inverted: false, zoom: 1, x: 0, y: 0 });
    this.#repaint();
  }

  /** Change the window's width and the level, in gray values. */
  changeWindow(width, level) {
    this.window = Math.min(510, Math.max(2, this.window + width));
    this.level = Math.min(255, Math.max(0, this.level + level));
    this.#repaint();
  }

  invert() {
    this.inverted = !this.inverted;
    this.#repaint();
  }

  pan(x, y) {
    this.x += x;
    this.y += y;
    this.draw();
  }

  /** Zoom by steps, about a point of the canvas that stays where it is; without one about the centre. */
  zoomBy(steps, about = this.centre()) {
    const zoom = Math.min(FARTHEST, Math.max(0.5, this.zoom * STEP ** steps));
    const [centre, grown] = [this.centre(), zoom / this.zoom];
    this.x = about.x - centre.x - (about.x - centre.x - this.x) * grown;
    this.y = about.y - centre.y - (about.y - centre.y - this.y) * grown;
    this.zoom = zoom;
    this.draw();
  }

  centre() {
    return { x: this.#canvas.clientWidth / 2, y: this.#canvas.clientHeight / 2 };
  }

  /** Return the film's rectangle on the canvas, in CSS pixels. */
  rectangle() {
    const { clientWidth, clientHeight } = this.#canvas;
    const { width, height } = this.pixels ?? { width: 1, height: 1 };
    const fit = Math.min(clientWidth / width, clientHeight / height) * this.zoom;
    const { x, y } = this.centre();
    const [wide, tall] = [width * fit, height * fit];
    return { x: x + this.x - wide / 2, y: y + this.y - tall / 2, width: wide, height: tall };
  }

  /** Return a point of the canvas as shares of the film's sides, 0 to 1. */
  onFilm({ x, y }) {
    const film = this.rectangle();
    const within = (share) => Math.min(1, Math.max(0, share));
    return { x: within((x - film.x) / film.width), y: within((y - film.y) / film.height) };
  }

  /** Return gray → gray under window, level and inversion. */
  table() {
    const low = this.level - this.window / 2;
    return Uint8ClampedArray.from({ length: 256 }, (_, gray) => {
      const value = (255 * (gray - low)) / this.window;
      return this.inverted ? 255 - value : value;
    });
  }

  /** Draw soon, once for all changes until then. */
  draw() {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#drawNow();
    });
  }

  #repaint() {
    this.#stale = true;
    this.draw();
  }

  #stale = true;

  #drawNow() {
    const canvas = this.#canvas;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (this.pixels !== null) {
      this.#paint();
      const film = this.rectangle();
      context.imageSmoothingQuality = "high";
      context.drawImage(this.#shown, film.x, film.y, film.width, film.height);
      for (const overlay of this.overlays) overlay(context, film);
    }
    this.#changed(this);
  }

  #paint() {
    if (!this.#stale) return;
    const { width, height } = this.pixels;
    if (this.#shown.width !== width || this.#shown.height !== height) Object.assign(this.#shown, { width, height });
    paintGray(this.pixels, this.table(), this.#shown);
    this.#stale = false;
  }

  /** Return a picture of the film at its own size with all overlays but `except`, and room for a strip under it. */
  compose(strip, except = []) {
    this.#paint();
    const { width, height } = this.pixels;
    const canvas = makeCanvas(width, height + strip);
    const context = canvas.getContext("2d");
    context.drawImage(this.#shown, 0, 0);
    for (const overlay of this.overlays) if (!except.includes(overlay)) overlay(context, { x: 0, y: 0, width, height });
    return canvas;
  }
}
