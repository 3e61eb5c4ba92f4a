/** The layers' grids, behind a tab. */

import { el } from "./element.js";

/** Return one figure a layer, named, of the answer's `activation_maps` of kind `layer`. */
export function drawLayers(maps) {
  return maps.map(({ layer, png, width, height }) => {
    const alt = `Channels of the layer ${layer}, ${width} × ${height} pixels`;
    const picture = el("img", { src: `data:image/png;base64,${png}`, alt, width, height });
    return el("figure", { class: "layer" }, el("figcaption", { text: layer }), picture);
  });
}
