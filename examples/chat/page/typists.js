/** Who is typing: told by others, at most so often by us, and forgotten by itself: nobody says that they stopped. */

const AGAIN = 3; // seconds between two of ours
const FORGET = 5; // seconds after which somebody who says nothing is not typing any more; above AGAIN

export class Typists {
  #line; #tell; #timers = new Map(); #told = -Infinity;

  /** `tell()` is called when the others should know that we type. */
  constructor(line, tell) {
    [this.#line, this.#tell] = [line, tell];
  }

  iType() {
    if (performance.now() - this.#told < AGAIN * 1000) return;
    this.#told = performance.now();
    this.#tell();
  }

  /** What is begun next is news again: for the others, who has said something types no more. */
  iSaidIt() {
    this.#told = -Infinity;
  }

  types(user) {
    clearTimeout(this.#timers.get(user));
    this.#timers.set(user, setTimeout(() => this.stopped(user), FORGET * 1000));
    this.#draw();
  }

  /** Somebody has said it, or has left, or is silent. */
  stopped(user) {
    clearTimeout(this.#timers.get(user));
    if (this.#timers.delete(user)) this.#draw();
  }

  /** Another room: nobody is typing there yet, and nobody there knows that we are. */
  clear() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#told = -Infinity;
    this.#draw();
  }

  #draw() {
    const users = [...this.#timers.keys()];
    const names = users.length > 2 ? `${users.length} people` : users.join(' and ');
    this.#line.textContent = users.length ? `${names} ${users.length > 1 ? 'are' : 'is'} typing` : '';
  }
}
