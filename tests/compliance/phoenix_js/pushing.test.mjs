// What is said in a channel: pushes with replies, broadcasts, binary payloads, the heartbeat.

import assert from "node:assert/strict";
import { test } from "node:test";
import { topicOf } from "../support/gateway.mjs";
import { answerTo, joined, payloadsOf, socketOf } from "../support/phoenix.mjs";
import { Journal, upTo, within } from "../support/waiting.mjs";

test("a push is answered, and all members receive it under its name, its sender included", async (t) => {
  const topic = topicOf();
  const channels = await Promise.all(upTo(5).map(() => joined(socketOf(t), topic)));
  const journals = channels.map((channel) => payloadsOf(channel, "shout"));
  assert.equal((await answerTo(channels[0].push("shout", { text: "hello" }))).status, "ok");
  for (const journal of journals) {
    await journal.untilCount(1);
    assert.deepEqual(journal.entries, [{ text: "hello" }]);
  }
});

test("all members receive all in one order", async (t) => {
  const topic = topicOf();
  const channels = await Promise.all(upTo(5).map(() => joined(socketOf(t), topic)));
  const journals = channels.map((channel) => payloadsOf(channel, "shout", ({ n }) => n));
  await Promise.all(upTo(200).map((n) => answerTo(channels[n % 5].push("shout", { n }))));
  await Promise.all(journals.map((journal) => journal.untilCount(200)));
  assert.deepEqual([...journals[0].entries].sort((a, b) => a - b), upTo(200));
  for (const journal of journals) assert.deepEqual(journal.entries, journals[0].entries);
});

test("what is pushed before the join is answered leaves after it", async (t) => {
  const channel = socketOf(t).channel(topicOf());
  const received = payloadsOf(channel, "shout", ({ n }) => n);
  channel.join();
  const answers = upTo(3).map((n) => answerTo(channel.push("shout", { n })));
  assert.deepEqual((await Promise.all(answers)).map((one) => one.status), ["ok", "ok", "ok"]);
  await received.untilCount(3);
  assert.deepEqual(received.entries, [1, 2, 3]);
});

test("two channels of one socket do not hear each other", async (t) => {
  const socket = socketOf(t);
  const [one, two] = [await joined(socket, topicOf()), await joined(socket, topicOf())];
  const [heard, unheard] = [payloadsOf(one, "shout"), payloadsOf(two, "shout")];
  await answerTo(one.push("shout", {}));
  await heard.untilCount(1);
  await answerTo(two.push("murmur", {}));
  assert.equal(unheard.length, 0);
});

const PAYLOADS = {
  "60 KB": { text: "x".repeat(60_000) },
  unicode: { text: "Grüße, здравствуй, こんにちは 👩‍👩‍👧‍👦 🏳️‍🌈", ключ: "🦆" },
  "control characters": { text: Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join("") },
  "quotes, commas and brackets": { text: '],["1",null,"\\\\' },
  "line separators": { text: "a\u2028b\u2029c" },
  "nothing at all": {},
};

for (const [name, payload] of Object.entries(PAYLOADS)) {
  test(`a payload arrives as it was: ${name}`, async (t) => {
    const topic = topicOf();
    const [sender, reader] = [await joined(socketOf(t), topic), await joined(socketOf(t), topic)];
    const received = payloadsOf(reader, "shout");
    await answerTo(sender.push("shout", payload));
    await received.untilCount(1);
    assert.deepEqual(received.entries, [payload]);
  });
}

const BYTES = {
  "every byte": Uint8Array.from({ length: 256 }, (_, byte) => byte),
  "what is no UTF-8": Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x00),
  none: new Uint8Array(0),
  "60 KB": new Uint8Array(60_000).fill(7),
};

for (const [name, bytes] of Object.entries(BYTES)) {
  test(`a binary payload arrives as it was, with its event: ${name}`, async (t) => {
    const topic = `${topicOf()}-ß`;
    const [sender, reader] = [await joined(socketOf(t), topic), await joined(socketOf(t), topic)];
    const [received, own] = [payloadsOf(reader, "draw"), payloadsOf(sender, "draw")];
    assert.equal((await answerTo(sender.push("draw", bytes.buffer))).status, "ok");
    for (const journal of [received, own]) {
      await journal.untilCount(1);
      assert.ok(journal.entries[0] instanceof ArrayBuffer, "it is no ArrayBuffer");
      assert.deepEqual(new Uint8Array(journal.entries[0]), bytes);
    }
  });
}

test("each heartbeat is answered, and keeps the socket", async (t) => {
  const socket = socketOf(t, { heartbeatIntervalMs: 500 }); // answered late, it would be taken for lost
  const beats = new Journal();
  socket.onMessage((message) => message.topic === "phoenix" && beats.add(message));
  await beats.untilCount(4);
  for (const { event, payload, join_ref: joinRef } of beats.entries) {
    assert.deepEqual({ event, payload, joinRef }, { event: "phx_reply", payload: { status: "ok", response: {} }, joinRef: null });
  }
  assert.deepEqual([socket.opened.length, socket.closed.length], [1, 0]);
});

test("a ping of the client comes back", async (t) => {
  const socket = socketOf(t);
  await socket.opened.untilCount(1);
  const milliseconds = await within(new Promise((resolve) => socket.ping(resolve)), "the ping to come back");
  assert.equal(typeof milliseconds, "number");
});
