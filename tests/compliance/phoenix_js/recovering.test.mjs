// Coming back: the client rejoins by itself, and with the recipe of our convention it misses nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { topicOf } from "../support/gateway.mjs";
import { answerTo, joined, payloadsOf, recovering, socketOf } from "../support/phoenix.mjs";
import { Proxy } from "../support/proxy.mjs";
import { CUTS, survives, survivesCuts } from "../support/recovery.mjs";
import { Journal, upTo } from "../support/waiting.mjs";

/** Publishes through a member that is never cut off. */
async function publisherOf(t, topic) {
  const channel = await joined(socketOf(t), topic);
  return async (n) => assert.equal((await answerTo(channel.push("shout", { n }))).status, "ok");
}

test("who is cut off again and again gets each message once and in order", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const channel = recovering(socketOf(t, { through: proxy.port }), topic);
  const offsets = [];
  const numbers = payloadsOf(channel, "shout", ({ n, gw }) => {
    offsets.push(gw.offset);
    return n;
  });
  await channel.returns.untilCount(1);
  await survivesCuts(proxy, await publisherOf(t, topic), numbers);
  assert.deepEqual(offsets, upTo(offsets.length));
  const again = channel.returns.entries.slice(1);
  assert.ok(again.length >= CUTS / 2, `it came back ${again.length} times only`);
  assert.ok(again.every((gw) => gw.recovered === true), "a return was not recovered");
});

test("whose channel crashes again and again gets each message once and in order", async (t) => {
  const topic = topicOf();
  const channel = recovering(socketOf(t), topic);
  const numbers = payloadsOf(channel, "shout", ({ n }) => n);
  await channel.returns.untilCount(1);
  const interrupt = async (_, cut) => {
    assert.equal((await answerTo(channel.push("test:crash", {}))).status, "ok");
    await channel.returns.untilCount(cut + 1);
  };
  await survives(interrupt, await publisherOf(t, topic), numbers);
  assert.ok(channel.returns.entries.slice(1).every((gw) => gw.recovered === true), "a return was not recovered");
});

test("a member that asked for it hears positions, another of the same topic does not", async (t) => {
  const topic = topicOf();
  const [told, plain] = [recovering(socketOf(t), topic), await joined(socketOf(t), topic)];
  await told.returns.untilCount(1);
  const [withMeta, without] = [payloadsOf(told, "shout"), payloadsOf(plain, "shout")];
  await answerTo(plain.push("shout", { n: 1 }));
  await Promise.all([withMeta.untilCount(1), without.untilCount(1)]);
  const [{ n, gw }] = withMeta.entries;
  assert.deepEqual([n, gw.offset, gw.epoch], [1, 1, told.returns.entries[0].epoch]);
  assert.deepEqual(without.entries, [{ n: 1 }]);
});

test("who was away for longer than history reaches is told so, and goes on from the top", async (t) => {
  const topic = topicOf();
  const publish = await publisherOf(t, topic);
  await publish(1);
  const first = recovering(socketOf(t), topic);
  const [{ epoch }] = await first.returns.untilCount(1);
  for (const n of upTo(130)) await publish(n);
  const late = recovering(socketOf(t), topic, { offset: 1, epoch });
  const received = payloadsOf(late, "shout", ({ n }) => n);
  const [said] = await late.returns.untilCount(1);
  assert.deepEqual({ offset: said.offset, recovered: said.recovered }, { offset: 131, recovered: false });
  await publish("live");
  await received.untilCount(1);
  assert.deepEqual(received.entries, ["live"]);
});

test("a position of another epoch is not recovered", async (t) => {
  const topic = topicOf();
  await (await publisherOf(t, topic))(1);
  const channel = recovering(socketOf(t), topic, { offset: 1, epoch: "another" });
  assert.equal((await channel.returns.untilCount(1))[0].recovered, false);
});

test("from position 0 all that is kept comes, in order, before what is live", async (t) => {
  const topic = topicOf();
  const publish = await publisherOf(t, topic);
  for (const n of upTo(3)) await publish(n);
  const { epoch } = (await recovering(socketOf(t), topic).returns.untilCount(1))[0];
  const channel = recovering(socketOf(t), topic, { offset: 0, epoch });
  const received = payloadsOf(channel, "shout", ({ n }) => n);
  await channel.returns.untilCount(1);
  await publish(4);
  await received.untilCount(4);
  assert.deepEqual(received.entries, upTo(4));
});

test("a plain client rejoins by itself after a cut, and hears what is live", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const socket = socketOf(t, { through: proxy.port });
  const channel = socket.channel(topic);
  const joins = new Journal();
  channel.join().receive("ok", () => joins.add("joined"));
  const received = payloadsOf(channel, "shout", ({ n }) => n);
  await joins.untilCount(1);
  proxy.cut();
  await joins.untilCount(2);
  await (await publisherOf(t, topic))(1);
  await received.untilCount(1);
  assert.deepEqual(received.entries, [1]);
});

test("what is pushed while the socket is away leaves after the rejoin", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const socket = socketOf(t, { through: proxy.port });
  const channel = await joined(socket, topic);
  proxy.hold();
  proxy.cut();
  await socket.closed.untilCount(1);
  const answer = answerTo(channel.push("shout", { n: 1 }));
  proxy.release();
  assert.equal((await answer).status, "ok");
});

test("history is told on request, with events, payloads and offsets", async (t) => {
  const topic = topicOf();
  const publish = await publisherOf(t, topic);
  for (const n of upTo(3)) await publish(n);
  const channel = await joined(socketOf(t), topic);
  const { status, response } = await answerTo(channel.push("gw:history", { limit: 2, reverse: true }));
  assert.equal(status, "ok");
  assert.deepEqual(
    response.messages.map(({ event, payload, offset }) => ({ event, n: payload.n, offset })),
    [3, 2].map((n) => ({ event: "shout", n, offset: n })),
  );
  assert.equal(response.offset, 3);
  assert.match(response.epoch, /\S/);
});
