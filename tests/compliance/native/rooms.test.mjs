// A room on the native wire, its members wscat: who hears what, who is there, what is kept, what a cut costs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { topicOf } from "../support/gateway.mjs";
import { Proxy } from "../support/proxy.mjs";
import { CUTS, survivesCuts } from "../support/recovery.mjs";
import { Journal, upTo } from "../support/waiting.mjs";
import { as, terminal, wscat } from "../support/wscat.mjs";

const eventsOf = (journal) => journal.entries.filter((frame) => frame.action === "event");
const untilEvents = (journal, count) => journal.until(() => eventsOf(journal).length >= count, `${count} events`);

test("what one types all receive, itself included, in one order and with the same offsets", async (t) => {
  const topic = topicOf();
  const members = await Promise.all(upTo(3).map(() => terminal(t)));
  for (const { ask } of members) assert.equal((await ask({ action: "subscribe", channel: topic })).status, "subscribed");
  const say = (n) => members[n % 3].ask({ action: "publish", channel: topic, payload: { n } });
  await Promise.all(upTo(60).map(say));
  for (const { pushed } of members) await untilEvents(pushed, 60);
  const seen = members.map(({ pushed }) => eventsOf(pushed).map(({ payload, offset }) => [payload.n, offset]));
  assert.deepEqual(seen[0].map(([, offset]) => offset), upTo(60));
  assert.deepEqual(seen[0].map(([n]) => n).sort((a, b) => a - b), upTo(60));
  for (const one of seen) assert.deepEqual(one, seen[0]);
});

test("who is there is told at the join, when somebody comes, when somebody goes, and on request", async (t) => {
  const topic = topicOf();
  const alice = await terminal(t, { options: as("alice") });
  await alice.ask({ action: "subscribe", channel: topic, presence: true });
  const [{ state }] = await alice.pushed.until((all) => all.some((one) => one.state), "the state");
  assert.deepEqual(state.map(({ user }) => user), ["alice"]);
  const bob = wscat(t, [{ action: "subscribe", channel: topic, info: { name: "Bob" } }], { options: as("bob") });
  await bob.frames.untilCount(1);
  const { members, clients, users } = await alice.ask({ action: "presence", channel: topic });
  assert.deepEqual([members.map(({ user }) => user).sort(), clients, users], [["alice", "bob"], 2, 2]);
  bob.kill();
  const changes = () => alice.pushed.entries.filter((one) => one.joins);
  await alice.pushed.until(() => changes().some((one) => one.leaves.length > 0), "bob to leave");
  const told = changes().flatMap(({ joins, leaves }) => [...joins.map(({ info }) => info), ...leaves.map(({ user }) => user)]);
  assert.deepEqual(told, [{ name: "Bob" }, "bob"]);
});

test("history comes page by page, forwards and backwards", async (t) => {
  const topic = topicOf();
  const { ask } = await terminal(t);
  for (const n of upTo(7)) await ask({ action: "publish", channel: topic, payload: n });
  for (const [reverse, expected] of [[false, upTo(7)], [true, upTo(7).reverse()]]) {
    const [pages, seen] = [[], []];
    for (let since; pages.at(-1) !== 0; ) {
      const { events, epoch } = await ask({ action: "history", channel: topic, limit: 3, reverse, since });
      pages.push(events.length);
      seen.push(...events.map(({ payload }) => payload));
      if (events.length) since = { offset: events.at(-1).offset, epoch };
    }
    assert.deepEqual([pages, seen], [[3, 3, 1, 0], expected]);
  }
});

/** wscat, started again from the last position whenever it has ended, with the numbers that it printed. */
class Restarted {
  numbers = new Journal();
  returns = new Journal();
  #since;

  constructor(t, topic, through) {
    Object.assign(this, { t, topic, through });
    t.after(() => (this.isOver = true));
    this.#start();
  }

  #start() {
    const join = { action: "subscribe", channel: this.topic, since: this.#since, ref: 1 };
    const child = wscat(this.t, [join], { through: this.through });
    child.onFrame = (frame) => this.#take(frame);
    child.ended.then(() => this.isOver || this.#start());
  }

  #take(frame) {
    if (frame.status === "subscribed") {
      this.returns.add(frame);
      this.#since ??= { offset: frame.offset, epoch: frame.epoch };
    }
    if (frame.action !== "event") return;
    this.#since = { offset: frame.offset, epoch: frame.epoch };
    this.numbers.add(frame.payload.n);
  }
}

test("who is cut off again and again, and says where it was, gets each event once and in order", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const reader = new Restarted(t, topic, proxy.port);
  await reader.returns.untilCount(1);
  const { ask } = await terminal(t);
  const publish = async (n) => {
    assert.equal((await ask({ action: "publish", channel: topic, payload: { n } })).offset, n);
  };
  await survivesCuts(proxy, publish, reader.numbers);
  const again = reader.returns.entries.slice(1);
  assert.ok(again.length >= CUTS / 2, `it came back ${again.length} times only`);
  assert.ok(again.every((one) => one.recovered === true), "a return was not recovered");
});

const PAYLOADS = {
  "60 KB of text": "x".repeat(60_000),
  "60 KB of emoji": "🦆".repeat(15_000),
  "many languages": "Grüße, здравствуй, こんにちは, שלום, नमस्ते, 你好",
  "emoji of several code points": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301",
  "control characters": String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code), 0x7f, 0x85),
  "quotes and slashes": "\"\\/' </script> \\u0041 %00 %s",
  "keys that mean something": { action: "event", "": 2, ref: 3, ключ: "🦆", constructor: {} },
  numbers: [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1e-7, 0.1],
  false: false,
  null: null,
};

test("a payload arrives as it was, live and from history: large, of any language, of any kind", async (t) => {
  const topic = topicOf();
  const [writer, reader] = [await terminal(t), await terminal(t)];
  await reader.ask({ action: "subscribe", channel: topic });
  for (const payload of Object.values(PAYLOADS)) await writer.ask({ action: "publish", channel: topic, payload });
  const expected = Object.values(PAYLOADS);
  await untilEvents(reader.pushed, expected.length);
  const { events } = await writer.ask({ action: "history", channel: topic, limit: 100 });
  for (const [index, name] of Object.keys(PAYLOADS).entries()) {
    assert.deepEqual(eventsOf(reader.pushed)[index].payload, expected[index], `live: ${name}`);
    assert.deepEqual(events[index].payload, expected[index], `from history: ${name}`);
  }
});

test("a thousand subscriptions come and go on one connection", async (t) => {
  const { ask, pushed } = await terminal(t);
  for (const round of upTo(10)) {
    const topics = upTo(100).map(() => topicOf());
    const all = (command) => Promise.all(topics.map((channel) => ask({ ...command, channel })));
    assert.ok((await all({ action: "subscribe" })).every((one) => one.status === "subscribed"), "a join failed");
    await all({ action: "publish", payload: round });
    await untilEvents(pushed, 100 * round);
    assert.ok((await all({ action: "unsubscribe" })).every((one) => one.status === "unsubscribed"), "a leave failed");
    assert.ok((await all({ action: "presence" })).every((one) => one.clients === 0), "somebody is still present");
  }
  assert.equal(eventsOf(pushed).length, 1000);
});

test("one more topic than a connection may have is refused with 106; the others stay", async (t) => {
  const { ask, pushed } = await terminal(t);
  const topics = upTo(128).map(() => topicOf());
  await Promise.all(topics.map((channel) => ask({ action: "subscribe", channel })));
  const refused = await ask({ action: "subscribe", channel: topicOf() });
  assert.deepEqual([refused.error.code, refused.error.reason], [106, "limit_exceeded"]);
  await ask({ action: "publish", channel: topics[0], payload: "hello" });
  await untilEvents(pushed, 1);
});
