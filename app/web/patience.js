/** Waiting for a server that is busy or gone: pauses that grow, shared by all requests. */

const FIRST = 500;
const LONGEST = 30_000;

export class Patience {
  #until = 0;
  #failures = 0;
  #report;

  /** @param {(wait: {reason: string, until: number} | null) => void} report hears when waiting begins and ends. */
  constructor(report) {
    this.#report = report;
  }

  /** Wait after a failure; `reason` is in words, `retryAfter` the header, in seconds. */
  async pause(reason, retryAfter = null) {
    const now = Date.now();
    // Several requests fail together: one step, not one each.
    if (now >= this.#until) {
      const grown = Math.min(LONGEST, FIRST * 2 ** this.#failures++) * (0.8 + 0.4 * Math.random());
      this.#until = now + Math.max(grown, asked(retryAfter));
    }
    await this.#wait(reason);
  }

  /** Wait where another request has found the server busy or gone. */
  async turn() {
    if (Date.now() < this.#until) await this.#wait(null);
  }

  /** Hear that the server answers. */
  succeed() {
    this.#failures = 0;
    this.#until = 0;
    this.#report(null);
  }

  async #wait(reason) {
    if (reason !== null) this.#report({ reason, until: this.#until });
    // A success elsewhere ends the pause of all.
    while (Date.now() < this.#until) await sleep(Math.min(200, this.#until - Date.now()));
  }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function asked(retryAfter) {
  if (retryAfter === null) return 0;
  const seconds = Number(retryAfter);
  return Number.isFinite(seconds) ? Math.min(10 * LONGEST, Math.max(0, 1000 * seconds)) : 0;
}
