// Remote calls, the hooks that the development mode has for tests, and commands that leave together.

import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { connectedClient, subscribed } from "../support/centrifuge.mjs";
import { topicOf } from "../support/gateway.mjs";
import { journalOf, next, upTo } from "../support/waiting.mjs";

const VALUES = { text: "x", number: 1.5, object: { a: [1, { b: null }] }, list: [1, "2"], truth: true, nothing: null };

for (const [name, value] of Object.entries(VALUES)) {
  test(`echo answers with what it was sent: ${name}`, async (t) => {
    const client = await connectedClient(t);
    assert.deepEqual((await client.rpc("echo", value)).data, value);
  });
}

test("many calls under way at once get each its own answer", async (t) => {
  const client = await connectedClient(t);
  const answers = await Promise.all(upTo(200).map((number) => client.rpc("echo", number)));
  assert.deepEqual(answers.map((one) => one.data), upTo(200));
});

test("a method that is not there is refused with 104, and the connection lives on", async (t) => {
  const client = await connectedClient(t);
  await assert.rejects(client.rpc("no_such_method", {}), { code: 104 });
  assert.equal((await client.rpc("echo", 1)).data, 1);
});

for (const code of [3000, 3008, 4000, 4499]) {
  test(`a disconnect with ${code} is answered first, and the client comes back`, async (t) => {
    const client = await connectedClient(t);
    const before = client.connected.client;
    const [lost, back] = [next(client, "connecting"), next(client, "connected")];
    await client.rpc("disconnect", { code, reason: "on purpose" });
    assert.deepEqual(await lost, { code, reason: "on purpose" });
    assert.notEqual((await back).client, before);
  });
}

for (const code of [3500, 3503, 4500, 4999]) {
  test(`a disconnect with ${code} is answered first, and the client stays away`, async (t) => {
    const client = await connectedClient(t);
    const retries = journalOf(client, "connecting");
    const ended = next(client, "disconnected");
    await client.rpc("disconnect", { code, reason: "for good" });
    assert.deepEqual(await ended, { code, reason: "for good" });
    assert.equal(client.state, "disconnected");
    assert.equal(retries.length, 0);
  });
}

test("an unsubscribe with 2500 makes the client subscribe again, and it misses nothing", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topic);
  await client.publish(topic, 1);
  const [lost, back] = [next(subscription, "subscribing"), next(subscription, "subscribed")];
  await client.rpc("unsubscribe", { channel: topic, code: 2500, reason: "insufficient state" });
  assert.deepEqual(await lost, { channel: topic, code: 2500, reason: "insufficient state" });
  const { wasRecovering, recovered } = await back;
  assert.deepEqual({ wasRecovering, recovered }, { wasRecovering: true, recovered: true });
  await client.publish(topic, 2);
  await subscription.received.untilCount(2);
  assert.deepEqual(subscription.received.entries.map((one) => one.data), [1, 2]);
});

test("an unsubscribe with 2502 makes the client forget its position", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topic);
  await client.publish(topic, 1);
  await subscription.received.untilCount(1);
  const back = next(subscription, "subscribed");
  await client.rpc("unsubscribe", { channel: topic, code: 2502, reason: "state invalidated" });
  const { wasRecovering, recovered } = await back;
  assert.deepEqual({ wasRecovering, recovered }, { wasRecovering: true, recovered: false });
});

test("an unsubscribe with 2000 is final, and the connection lives on", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topic);
  const ended = next(subscription, "unsubscribed");
  await client.rpc("unsubscribe", { channel: topic, code: 2000, reason: "enough" });
  assert.deepEqual(await ended, { channel: topic, code: 2000, reason: "enough" });
  await client.publish(topic, "missed");
  assert.equal((await client.rpc("echo", 1)).data, 1);
  assert.equal(subscription.received.length, 0);
});

test("commands that were batched leave in one frame and are all answered", async (t) => {
  let frames = 0;
  class Counting extends WebSocket {
    send(...data) {
      frames += 1;
      super.send(...data);
    }
  }
  const client = await connectedClient(t, { websocket: Counting });
  const topic = topicOf();
  const subscription = await subscribed(client, topic);
  frames = 0;
  client.startBatching();
  const answers = [...upTo(20).map((number) => client.publish(topic, number)), client.rpc("echo", "last")];
  client.stopBatching();
  assert.deepEqual((await Promise.all(answers)).at(-1).data, "last");
  await subscription.received.untilCount(20);
  assert.equal(frames, 1);
  assert.deepEqual(subscription.received.entries.map((one) => one.data), upTo(20));
});
