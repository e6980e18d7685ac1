/**
 * How much of each room was not read. Offsets count what was said, so it is the difference of two of them: how far the
 * room has come, which the lobby tells, and how far it was read, which this browser remembers.
 */

export class Unread {
  #key; #read = {};

  /**
   * `key` is where it is kept; a browser that refuses to keep anything only forgets it with the page. `changed()` is
   * called when another tab of the same person has read something.
   */
  constructor(key, { changed }) {
    this.#key = key;
    try { this.#take(localStorage[key]); } catch { /* forbidden */ }
    addEventListener('storage', (event) => event.key === key && this.#take(event.newValue) && changed());
  }

  /** Of two positions of one epoch the later one is true: the other tab may not know yet what was read here. */
  #take(json) {
    let kept = null;
    try { kept = JSON.parse(json ?? null); } catch { /* not written by us */ }
    for (const [name, at] of Object.entries(kept ?? {})) {
      const ours = this.#read[name];
      if (ours?.epoch !== at?.epoch || at.offset > ours.offset) this.#read[name] = at;
    }
    return kept !== null;
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
