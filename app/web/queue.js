/** Films in line, a few of them asked about at once. */

export class Queue {
  #waiting = [];
  #running = 0;
  #most;
  #work;

  /** At most `most` films at once; `work`, which never rejects, asks about one. */
  constructor(most, work) {
    this.#most = most;
    this.#work = work;
  }

  /** How many are asked about at the moment. */
  get running() {
    return this.#running;
  }

  /** Put films at the end of the line. */
  add(films) {
    this.#waiting.push(...films);
    while (this.#running < this.#most && this.#waiting.length > 0) this.#next();
  }

  /** Put one that is in line at its head. */
  hurry(film) {
    const place = this.#waiting.indexOf(film);
    if (place > 0) this.#waiting.unshift(...this.#waiting.splice(place, 1));
  }

  /** Forget those that wait. */
  clear() {
    this.#waiting = [];
  }

  async #next() {
    this.#running++;
    await this.#work(this.#waiting.shift());
    this.#running--;
    this.add([]);
  }
}
