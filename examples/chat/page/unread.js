/**
 * How much of each room was not read. Offsets count what was said, so it is the difference of two of them: how far the
 * room has come, which the lobby tells, and how far it was read, which this browser remembers.
 */

export class Unread {
  #key; #read;

  /** `key` is where it is kept; a browser that refuses to keep anything only forgets it with the page. */
  constructor(key) {
    this.#key = key;
    try { this.#read = JSON.parse(localStorage[key]) ?? {}; } catch { this.#read = {}; }
  }

  of({ name, at }) {
    const last = this.#read[name];
    return Math.max(0, at.offset - (last?.epoch === at.epoch ? last.offset : 0));
  }

  markRead({ name, at }) {
    this.#read[name] = at;
    try { localStorage[this.#key] = JSON.stringify(this.#read); } catch { /* full or forbidden */ }
  }
}
