// The law of recovery, driven: who is cut off again and again gets each message once and in order.

import assert from "node:assert/strict";
import { Journal, upTo, within } from "./waiting.mjs";

export const CUTS = 20;

/** Messages by which the reader may be behind: well below the 100 that are kept, so that every cut can be recovered. */
const LEAD = 40;
/** Messages that are published while nobody is connected, at each cut, beyond LEAD if need be. */
const MISSED = 3;
/** Milliseconds for all of it. */
const BOUND = 60_000;

/** The numbers 1, 2, ... published one after another, at most LEAD ahead of the reader. */
class Publisher {
  published = new Journal();
  #publish;
  #received;
  #lead = LEAD;
  #isLast = false;

  constructor(publish, received) {
    this.#publish = publish;
    this.#received = received;
  }

  async run() {
    while (!this.#isLast) {
      const number = this.published.length + 1;
      await this.#received.until((all) => this.#isLast || number - all.length <= this.#lead, `${number} to be due`, BOUND);
      await this.#publish(number);
      this.published.add(number);
    }
  }

  /** Waits for some more, published although nobody reads. */
  async runAhead() {
    this.#lead = LEAD + MISSED;
    this.#received.recheck();
    await this.published.untilCount(this.published.length + MISSED);
    this.#lead = LEAD;
  }

  end() {
    this.#isLast = true;
    this.#received.recheck();
  }
}

/**
 * Interrupts a reader CUTS times while numbers are published; checks that it received all, once, in order.
 *
 * @param {(publisher, cut: number) => Promise} interrupt - Resolves when the reader may be interrupted again.
 * @param {(number) => Promise} publish - Publishes one number; resolves when the server has it.
 * @param {Journal} received - Of the numbers that the reader got.
 */
export async function survives(interrupt, publish, received) {
  const publisher = new Publisher(publish, received);
  const interrupting = async () => {
    for (const cut of upTo(CUTS)) {
      await received.untilCount(received.length + 1); // it is back: no interruption counts twice
      await interrupt(publisher, cut);
    }
  };
  const all = Promise.all([publisher.run(), interrupting().finally(() => publisher.end())]);
  await within(all, `${CUTS} interruptions`, BOUND);
  const last = publisher.published.length;
  await received.until((all) => all.includes(last), `${last} to come`);
  assert.deepEqual(received.entries, upTo(last));
  assert.ok(last >= CUTS, `only ${last} were published`);
}

/** As `survives`; the reader's connections, which go through the proxy, are cut at varying bytes. */
export function survivesCuts(proxy, publish, received) {
  const interrupt = async (publisher, cut) => {
    await proxy.cutAfter(1 + ((cut * 211) % 1500));
    proxy.hold();
    await publisher.runAhead();
    proxy.release();
  };
  return survives(interrupt, publish, received);
}
