/** The service: requests that wait out a busy or vanished server, and ask for a key where one is needed. */

const KEY = "pneumoserve-api-key";
const TRIES = 3;
/** What passes, by status. */
const PASSING = {
  429: "The server is busy",
  502: "The proxy does not reach the server",
  503: "The server is not ready",
  504: "The answer took too long",
};

/** A failure that the service explains (RFC 9457), or that this page found. */
export class Problem extends Error {
  constructor(status, slug, title, detail, requestId = null) {
    super(detail);
    Object.assign(this, { status, slug, title, detail, requestId });
  }
}

export class Api {
  #patience;
  #askKey;
  #asking = null;

  /** @param {(detail: string) => Promise<string>} askKey asks the user for an API key */
  constructor(patience, askKey) {
    this.#patience = patience;
    this.#askKey = askKey;
  }

  /** Return what `GET /model` tells. */
  async model() {
    return (await this.#send("model")).json();
  }

  /** Ask about one film. The raw body carries no file name. */
  async predict(film, query = {}) {
    const begun = performance.now();
    const response = await this.#send(`predict?${new URLSearchParams(query)}`, film);
    return { answer: await response.json(), seconds: (performance.now() - begun) / 1000 };
  }

  /** Return the film as the service renders it, a PNG of 8 bits. */
  async render(film) {
    return (await this.#send("explain?style=film&gate=off", film)).blob();
  }

  async #send(path, body = null) {
    for (let lost = 0, late = 0; ; ) {
      await this.#patience.turn();
      let response;
      try {
        response = await fetch(path, this.#options(body));
      } catch {
        if (body !== null) await readable(body);
        await this.#outage();
        // It lives, and yet takes no such body.
        if (body !== null && ++lost >= TRIES) throw cutOff(body);
        continue;
      }
      if (response.ok) {
        this.#patience.succeed();
        return response;
      }
      const problem = await read(response);
      const retryAfter = response.headers.get("Retry-After");
      const isPassing = response.status in PASSING && (response.status !== 504 || ++late < TRIES);
      if (response.status === 401) await this.#renewKey(problem.detail);
      else if (isPassing) await this.#patience.pause(PASSING[response.status], retryAfter);
      else {
        this.#patience.succeed();
        throw problem;
      }
    }
  }

  /** Wait until the server can be reached. */
  async #outage() {
    for (;;) {
      await this.#patience.pause("The server cannot be reached");
      try {
        if ((await fetch("livez", { cache: "no-store" })).ok) return;
      } catch {
        // Still gone.
      }
    }
  }

  #options(body) {
    const headers = {};
    const key = sessionStorage.getItem(KEY);
    if (key !== null) headers["X-API-Key"] = key;
    if (body === null) return { headers, cache: "no-store" };
    headers["Content-Type"] = "application/octet-stream";
    return { method: "POST", headers, body };
  }

  async #renewKey(detail) {
    // Of several requests one asks.
    this.#asking ??= this.#askKey(detail).then((key) => {
      sessionStorage.setItem(KEY, key);
      this.#asking = null;
    });
    await this.#asking;
  }
}

async function read(response) {
  let told = {};
  try {
    told = await response.json();
  } catch {
    // A proxy's own page.
  }
  const slug = typeof told.type === "string" ? told.type.split("/").pop() : `http-${response.status}`;
  const title = told.title ?? "The server answered with an error";
  const detail = told.detail ?? `HTTP status ${response.status}.`;
  return new Problem(response.status, slug, title, detail, told.request_id ?? null);
}

async function readable(body) {
  try {
    await body.slice(0, 1).arrayBuffer();
  } catch {
    const detail = "It was moved, changed or deleted since it was chosen.";
    throw new Problem(0, "unreadable-file", "The file cannot be read", detail);
  }
}

function cutOff(body) {
  const megabytes = (body.size / 2 ** 20).toFixed(1);
  const detail = `The server closed the connection ${TRIES} times while ${megabytes} MiB were sent: too much, maybe.`;
  return new Problem(0, "connection-lost", "The film did not get through", detail);
}
