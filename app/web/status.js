/** What the page says of the server, and the form for an API key. */

import { at } from "./element.js";

/** Show that the server is waited for, or (`null`) that it answers. */
export function showWait(wait) {
  const told = wait === null ? "" : `${wait.reason}: waiting for the server. Nothing is lost.`;
  // Only changes are read aloud.
  if (at("status").textContent !== told) at("status").textContent = told;
}

/** Ask the user for an API key; resolves with it. */
export function askKey(detail) {
  const form = at("key-form");
  at("key-told").textContent = detail;
  form.hidden = false;
  at("key").focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = at("key").value;
      at("key").value = "";
      form.hidden = true;
      resolve(key);
    }, { once: true });
  });
}

/** Let a button change between dark and light, which the system chooses at first. */
export function listenTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const name = () => (at("theme").textContent = now() === "dark" ? "Light" : "Dark");
  at("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = now() === "dark" ? "light" : "dark";
    name();
  });
  name();
}
