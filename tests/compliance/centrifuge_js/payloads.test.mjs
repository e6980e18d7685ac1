// What is published arrives as it was: any JSON, any language, up to the size that is allowed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectedClient, subscribed } from "../support/centrifuge.mjs";
import { topicOf } from "../support/gateway.mjs";
import { next } from "../support/waiting.mjs";

const PAYLOADS = {
  "60 KB of text": "x".repeat(60_000),
  "60 KB of emoji": "🦆".repeat(15_000),
  "many languages": "Grüße, здравствуй, こんにちは, שלום, नमस्ते, 你好",
  "emoji of several code points": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301",
  "control characters": Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join("") + "\u007f\u0085",
  "line separators of JavaScript": "a\u2028b\u2029c",
  "quotes and slashes": "\"\\/' </script> \\u0041 %00 %s",
  "a newline in a text": "first\nsecond\r\nthird",
  "keys that mean something": { constructor: 1, "": 2, "a.b": 3, push: {}, id: 7, error: {} },
  "large and small numbers": [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1e-7, 1.7976931348623157e308, 0.1],
  "deeply nested lists": JSON.parse("[".repeat(20) + "]".repeat(20)),
  "a list": [1, [2, [3]], {}],
  "an empty object": {},
  "an empty text": "",
  zero: 0,
  false: false,
  null: null,
};

for (const [name, payload] of Object.entries(PAYLOADS)) {
  test(`it arrives as it was, live and from history: ${name}`, async (t) => {
    const topic = topicOf();
    const [reader, writer] = [await connectedClient(t), await connectedClient(t)];
    const { received } = await subscribed(reader, topic);
    await writer.publish(topic, payload);
    const [live] = await received.untilCount(1);
    assert.deepEqual(live.data, payload);
    const { publications } = await reader.history(topic, { limit: 1 });
    assert.deepEqual(publications[0].data, payload);
    assert.deepEqual((await writer.rpc("echo", payload)).data, payload);
  });
}

test("a channel's name may be of any language", async (t) => {
  const topic = `${topicOf()}-комната-🦆`;
  const client = await connectedClient(t);
  const { received } = await subscribed(client, topic);
  await client.publish(topic, "hello");
  assert.equal((await received.untilCount(1))[0].channel, topic);
});

test("a message above 64 KiB ends the client for good, as its makers want it", async (t) => {
  const client = await connectedClient(t);
  const ended = next(client, "disconnected");
  client.publish(topicOf(), "x".repeat(70_000)).catch(() => {}); // the event says it
  assert.equal((await ended).code, 3);
});

