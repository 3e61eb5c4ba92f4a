/** The layers' grids, behind a tab. */

import { el } from "./element.js";

/**
 * Return one figure a layer, named.
 * @param {any[]} maps the answer's `activation_maps` of kind `layer`
 */
export function drawLayers(maps) {
  return maps.map(({ layer, png, width, height }) => {
    const address = URL.createObjectURL(new Blob([bytesOf(png)], { type: "image/png" }));
    const done = () => URL.revokeObjectURL(address);
    const alt = `Channels of the layer ${layer}, ${width} × ${height} pixels`;
    const picture = el("img", { src: address, alt, width, height, load: done, error: done });
    return el("figure", { class: "layer" }, el("figcaption", { text: layer }), picture);
  });
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
