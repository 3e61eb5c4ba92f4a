/** Elements made without markup: a file name can never become one. */

/**
 * Return a new element. `text` is its text; a function is a listener; `true` an attribute without a value, `false` none.
 * @param {Record<string, any>} [attributes]
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (name === "text") made.textContent = value;
    else if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Return the element of the page that has this id. */
export const at = (id) => document.getElementById(id);
