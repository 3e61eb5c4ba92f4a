/** Single keys for the whole page; arrows belong to what has the focus. */

import { at } from "./element.js";

/** @param {Record<string, () => void>} actions by key, small letters */
export function listen(actions) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !at("keys-on").checked) return;
    const isText = event.target.matches?.("input:not([type=radio], [type=checkbox], [type=range]), select, textarea");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!(key in actions) || (isText && key !== "Escape")) return;
    event.preventDefault();
    actions[key]();
  });
}
