// Waiting on events, each wait with a bound: nothing here sleeps.

/** Milliseconds until something must have happened: a loaded machine needs tens, a broken server for ever. */
export const PATIENCE = 30_000;

/** What the promise gives; fails, naming what was waited for, if it takes longer. */
export function within(promise, what, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${patience} ms in vain for ${what}`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The first event of that name which `fits`; ask before the cause, so that none is missed. */
export function next(emitter, name, { fits = () => true, patience = PATIENCE } = {}) {
  const happened = new Promise((resolve) => {
    const listener = (context) => {
      if (!fits(context)) return;
      emitter.removeListener(name, listener);
      resolve(context);
    };
    emitter.on(name, listener);
  });
  return within(happened, `the event ${name}`, patience);
}

/** What happened so far, in order, and a way to wait for more. */
export class Journal {
  #waiting = new Set();

  constructor() {
    this.entries = [];
    /** Called after each entry. */
    this.onEntry = () => {};
  }

  add(entry) {
    this.entries.push(entry);
    this.onEntry();
    this.recheck();
  }

  /** Looks again at what is waited for, after something else than an entry changed. */
  recheck() {
    for (const look of [...this.#waiting]) look();
  }

  get length() {
    return this.entries.length;
  }

  /** The entries as soon as they fulfil the condition. */
  until(condition, what, patience = PATIENCE) {
    let look;
    const fulfilled = new Promise((resolve) => {
      look = () => condition(this.entries) && resolve(this.entries);
      this.#waiting.add(look);
      look();
    });
    const seen = () => `${what}; there are ${this.length}, the last: ${JSON.stringify(this.entries.at(-1))?.slice(0, 200)}`;
    return within(fulfilled, what, patience)
      .catch((error) => {
        throw new Error(`${error.message} [${seen()}]`);
      })
      .finally(() => this.#waiting.delete(look));
  }

  untilCount(count, patience = PATIENCE) {
    return this.until((entries) => entries.length >= count, `${count} entries`, patience);
  }
}

/** A journal of an emitter's events of one name. */
export function journalOf(emitter, name, shown = (context) => context) {
  const journal = new Journal();
  emitter.on(name, (context) => journal.add(shown(context)));
  return journal;
}

/** 1, 2, ... to the last. */
export const upTo = (last) => Array.from({ length: last }, (_, index) => index + 1);
