// Coming back: nothing missed, nothing twice; and the truth where that cannot be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectedClient, dataOf, subscribed, subscriptionOf } from "../support/centrifuge.mjs";
import { topicOf } from "../support/gateway.mjs";
import { Proxy } from "../support/proxy.mjs";
import { CUTS, survives, survivesCuts } from "../support/recovery.mjs";
import { Journal, journalOf, next, upTo } from "../support/waiting.mjs";

/** More than the 100 publications that are kept. */
const TOO_MANY = 130;

const flagsOf = ({ wasRecovering, recovered }) => ({ wasRecovering, recovered });
const RECOVERED = { wasRecovering: true, recovered: true };
const NOT_RECOVERED = { wasRecovering: true, recovered: false };

async function publishAll(client, topic, numbers) {
  for (const number of numbers) await client.publish(topic, number);
}

test("who is cut off again and again gets each publication once and in order", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const reader = await connectedClient(t, { through: proxy.port });
  const publisher = await connectedClient(t);
  const subscription = subscriptionOf(reader, topic);
  const [numbers, offsets, returns] = [new Journal(), [], journalOf(subscription, "subscribed")];
  subscription.on("publication", ({ data, offset }) => {
    offsets.push(offset);
    numbers.add(data);
  });
  subscription.subscribe();
  await returns.untilCount(1);
  await survivesCuts(proxy, (number) => publisher.publish(topic, number), numbers);
  assert.deepEqual(offsets, upTo(offsets.length));
  const again = returns.entries.slice(1);
  assert.ok(again.length >= CUTS / 2, `it came back ${again.length} times only`);
  assert.ok(again.every((context) => context.wasRecovering && context.recovered), "a return was not recovered");
  assert.ok(again.some((context) => context.hasRecoveredPublications), "nothing was ever missed");
});

test("who is unsubscribed again and again with 2500 gets each publication once and in order", async (t) => {
  const topic = topicOf();
  const [reader, publisher] = [await connectedClient(t), await connectedClient(t)];
  const subscription = await subscribed(reader, topic);
  const [numbers, returns] = [new Journal(), journalOf(subscription, "subscribed")];
  subscription.on("publication", ({ data }) => numbers.add(data));
  const interrupt = async (_, cut) => {
    await reader.rpc("unsubscribe", { channel: topic, code: 2500, reason: "again" });
    await returns.untilCount(cut);
  };
  await survives(interrupt, (number) => publisher.publish(topic, number), numbers);
  assert.ok(returns.entries.every((context) => context.recovered), "a return was not recovered");
});

test("who comes from a position that is lost loads its state again, and begins from there", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  await publishAll(client, topic, upTo(3));
  const { epoch } = await client.history(topic);
  const positions = [{ offset: 1, epoch: "of another life" }, { offset: 1, epoch }];
  const { received } = await subscribed(client, topic, { getState: async () => positions.shift() });
  await received.untilCount(2);
  assert.deepEqual(dataOf(received), [2, 3]);
  assert.equal(positions.length, 0);
});

test("who asks for deltas, which are not made here, gets whole publications", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const { received } = await subscribed(client, topic, { delta: "fossil" });
  await publishAll(client, topic, [{ text: "one" }, { text: "two" }]);
  await received.untilCount(2);
  assert.deepEqual(dataOf(received), [{ text: "one" }, { text: "two" }]);
});

test("a subscription says that it is positioned and recoverable, and where it is", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  await publishAll(client, topic, upTo(3));
  const { positioned, recoverable, streamPosition, wasRecovering } = (await subscribed(client, topic)).subscribed;
  assert.deepEqual({ positioned, recoverable, wasRecovering }, { positioned: true, recoverable: true, wasRecovering: false });
  assert.equal(streamPosition.offset, 3);
  assert.match(streamPosition.epoch, /\S/);
});

test("an application that asks for it by name gets a positioned subscription too", async (t) => {
  const { subscribed: said } = await subscribed(await connectedClient(t), topicOf(), { positioned: true, recoverable: true });
  assert.deepEqual([said.positioned, said.recoverable], [true, true]);
});

test("who was away for longer than history reaches is told so, and goes on from the top", async (t) => {
  const topic = topicOf();
  const [reader, publisher] = [await connectedClient(t), await connectedClient(t)];
  const subscription = await subscribed(reader, topic);
  await publishAll(publisher, topic, [1]);
  await subscription.received.untilCount(1);
  reader.disconnect();
  await publishAll(publisher, topic, upTo(TOO_MANY));
  const back = next(subscription, "subscribed");
  reader.connect();
  const said = await back;
  assert.deepEqual(flagsOf(said), NOT_RECOVERED);
  assert.equal(said.streamPosition.offset, TOO_MANY + 1);
  await publishAll(publisher, topic, ["live"]);
  await subscription.received.untilCount(2);
  assert.deepEqual(dataOf(subscription.received), [1, "live"]);
});

test("who names a position from before gets what came after it", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  await publishAll(client, topic, upTo(5));
  const { epoch } = await client.history(topic);
  const subscription = await subscribed(client, topic, { since: { offset: 2, epoch } });
  assert.deepEqual(flagsOf(subscription.subscribed), RECOVERED);
  assert.equal(subscription.subscribed.streamPosition.offset, 2);
  await subscription.received.untilCount(3);
  assert.deepEqual(dataOf(subscription.received), [3, 4, 5]);
});

test("from position 0 of this epoch all that is kept comes", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  await publishAll(client, topic, upTo(3));
  const { epoch } = await client.history(topic);
  const { received } = await subscribed(client, topic, { since: { offset: 0, epoch } });
  await received.untilCount(3);
  assert.deepEqual(dataOf(received), [1, 2, 3]);
});

test("who is at the top already has recovered, and gets nothing", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  await publishAll(client, topic, upTo(3));
  const { offset, epoch } = await client.history(topic);
  const subscription = await subscribed(client, topic, { since: { offset, epoch } });
  assert.deepEqual(flagsOf(subscription.subscribed), RECOVERED);
  await publishAll(client, topic, [4]);
  await subscription.received.untilCount(1);
  assert.deepEqual(dataOf(subscription.received), [4]);
});

for (const [name, change] of [
  ["of another epoch", ({ offset }) => ({ offset, epoch: "another" })],
  ["beyond the top", ({ offset, epoch }) => ({ offset: offset + 10, epoch })],
]) {
  test(`a position ${name} is not recovered, and said so`, async (t) => {
    const topic = topicOf();
    const client = await connectedClient(t);
    await publishAll(client, topic, upTo(3));
    const subscription = await subscribed(client, topic, { since: change(await client.history(topic)) });
    assert.deepEqual(flagsOf(subscription.subscribed), NOT_RECOVERED);
    assert.equal(subscription.subscribed.streamPosition.offset, 3);
    assert.equal(subscription.received.length, 0);
  });
}

test("who unsubscribes and subscribes again gets what came in between", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topic);
  await publishAll(client, topic, [1]);
  subscription.unsubscribe();
  await publishAll(client, topic, [2, 3]);
  const back = next(subscription, "subscribed");
  subscription.subscribe();
  assert.deepEqual(flagsOf(await back), RECOVERED);
  await subscription.received.untilCount(3);
  assert.deepEqual(dataOf(subscription.received), [1, 2, 3]);
});

test("a channel without history is joined without recovery, and its publications arrive", async (t) => {
  const topic = topicOf("plain");
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topic);
  assert.equal(subscription.subscribed.recoverable, false);
  await publishAll(client, topic, ["hello"]);
  await subscription.received.untilCount(1);
});
