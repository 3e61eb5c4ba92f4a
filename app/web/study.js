/** One open film: its words, its picture, and what is fetched on demand. */

import { showAnswer } from "./answer.js";
import { Cover } from "./cover.js";
import { at, el } from "./element.js";
import { mapsOf } from "./film.js";
import { listen } from "./gestures.js";
import { drawLayers } from "./layers.js";
import { Overlay } from "./overlay.js";
import { readPixels } from "./pixels.js";
import { Viewer } from "./viewer.js";

export class Study {
  #api;
  #state;
  #cover;

  constructor(api, state, actions) {
    this.#api = api;
    this.#state = state;
    this.actions = actions;
    this.film = null;
    this.viewer = new Viewer(at("canvas"), tell);
    this.overlay = new Overlay(() => this.viewer.draw());
    this.#cover = new Cover(this.viewer, api);
    this.viewer.overlays.push(this.overlay.draw, this.#cover.draw);
    listen(at("stage"), this.viewer, { tool, box: this.#cover });
    this.#listen();
  }

  /** Open a film: the film alone at first. */
  async open(film) {
    this.close();
    this.film = film;
    at("film-name").textContent = film.name;
    at("drawn-tag").hidden = !film.isDrawing;
    at("stage-told").textContent = "";
    this.select("film");
    this.refresh();
    const pixels = await readPixels(film.file, this.#api).catch(() => null);
    if (this.film !== film) return;
    this.viewer.show(pixels);
    this.#cover.take(pixels);
    this.#enable();
    if (pixels === null) at("stage-told").textContent = "This film cannot be shown here.";
  }

  /** Forget the film's pixels. */
  close() {
    this.film = null;
    this.viewer.show(null);
    this.#cover.take(null);
    this.overlay.clear();
    at("view-layers").replaceChildren();
  }

  /** Show what is known of the film by now. */
  refresh() {
    const { model, point } = this.#state();
    if (this.film === null || model === null) return;
    showAnswer(this.film, model, point, this.actions);
    this.#enable();
  }

  #enable() {
    const isAnswered = this.film.state === "answered";
    for (const id of ["map", "save-json", "tab-layers"]) at(id).disabled = !isAnswered;
    const isShown = this.viewer.pixels !== null;
    for (const id of ["save-png", "invert", "reset", "zoom-in", "zoom-out"]) at(id).disabled = !isShown;
  }

  /** Show the map or hide it; it is asked for the first time. */
  async toggleMap() {
    const { film } = this;
    if (film?.state !== "answered" || this.viewer.pixels === null) return;
    this.select("film");
    this.overlay.turn(!this.overlay.isOn);
    if (!this.overlay.isOn) return;
    try {
      const [cam] = await mapsOf(film, "cam", this.#api);
      if (this.film === film) this.overlay.take(cam);
    } catch (error) {
      if (this.film === film) at("map-told").textContent = error.message;
    }
  }

  /** Choose what a drag is for. */
  useTool(name) {
    document.querySelector(`input[name=tool][value=${name}]`).checked = true;
    this.#showTool();
  }

  /** Select a tab. */
  select(name) {
    for (const one of ["film", "layers"]) {
      const isChosen = one === name;
      at(`tab-${one}`).setAttribute("aria-selected", String(isChosen));
      at(`tab-${one}`).tabIndex = isChosen ? 0 : -1;
      at(`view-${one}`).hidden = !isChosen;
    }
    if (name === "layers") this.#fillLayers();
  }

  /** What stays out of a saved picture. */
  get unsaved() {
    return tool() === "cover" ? [] : [this.#cover.draw];
  }

  async #fillLayers() {
    const { film } = this;
    const view = at("view-layers");
    if (view.childElementCount > 0) return;
    view.replaceChildren(el("p", { text: "Asking for the layers …" }));
    const told = "Every channel of each convolution, first to last, standardised channel by channel.";
    try {
      const maps = await mapsOf(film, "layers", this.#api);
      if (this.film === film) view.replaceChildren(el("p", { class: "fine", text: told }), ...drawLayers(maps));
    } catch (error) {
      if (this.film === film) view.replaceChildren(el("p", { text: error.message }));
    }
  }

  #listen() {
    const { viewer } = this;
    const on = { map: () => this.toggleMap(), invert: () => viewer.invert(), reset: () => viewer.reset() };
    Object.assign(on, { "zoom-in": () => viewer.zoomBy(1), "zoom-out": () => viewer.zoomBy(-1) });
    for (const [id, act] of Object.entries(on)) at(id).addEventListener("click", act);
    at("tools").addEventListener("change", () => this.#showTool());
    for (const [name, other] of [["film", "layers"], ["layers", "film"]]) {
      const [tab, next] = [at(`tab-${name}`), at(`tab-${other}`)];
      tab.addEventListener("click", () => this.select(name));
      tab.addEventListener("keydown", ({ key }) => {
        if ((key !== "ArrowLeft" && key !== "ArrowRight") || next.disabled) return;
        this.select(other);
        next.focus();
      });
    }
  }

  #showTool() {
    at("stage").dataset.tool = tool();
    at("cover-panel").hidden = tool() !== "cover";
    if (tool() !== "cover") this.#cover.clear();
  }
}

const tool = () => document.querySelector("input[name=tool]:checked").value;

function tell(viewer) {
  const { window, level, zoom, inverted, pixels } = viewer;
  const parts = [`W ${Math.round(window)} L ${Math.round(level)}`, `${Math.round(100 * zoom)} %`];
  if (pixels !== null) parts.push(`${pixels.width} × ${pixels.height}`);
  if (pixels?.rendered) parts.push("as the service renders it");
  at("readout").textContent = parts.join(" · ");
  at("invert").setAttribute("aria-pressed", String(inverted));
}
