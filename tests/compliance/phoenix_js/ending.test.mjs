// How the server ends things: a socket with a code, a channel for good, a channel that comes back.

import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { address, topicOf } from "../support/gateway.mjs";
import { answerTo, endsOf, joined, payloadsOf, socketOf } from "../support/phoenix.mjs";
import { Journal, within } from "../support/waiting.mjs";

const HOOK = { status: "ok", response: { hook: true } };

/** A channel with a journal of its joins: the first one and each that the client makes by itself. */
async function rejoining(socket, topic) {
  const channel = socket.channel(topic);
  channel.joins = new Journal();
  channel.join().receive("ok", () => channel.joins.add("joined"));
  await channel.joins.untilCount(1);
  return channel;
}

for (const [code, reason] of [[1001, "going away"], [1012, "restart"], [3000, "again"], [4001, "later"], [4500, "for good"]]) {
  test(`after a disconnect with ${code} the client is back by itself, and in its channel`, async (t) => {
    const socket = socketOf(t);
    const channel = await rejoining(socket, topicOf());
    assert.deepEqual(await answerTo(channel.push("test:disconnect", { code, reason })), HOOK);
    await socket.closed.untilCount(1);
    assert.deepEqual(socket.closed.entries, [{ code, reason }]);
    await channel.joins.untilCount(2);
    assert.equal(socket.opened.length, 2);
  });
}

test("a channel that the server closes is closed for good, and the socket lives on", async (t) => {
  const socket = socketOf(t);
  const channel = await rejoining(socket, topicOf());
  const closed = endsOf(channel, "phx_close");
  assert.deepEqual(await answerTo(channel.push("test:close", {})), HOOK);
  await closed.untilCount(1);
  assert.equal(channel.state, "closed");
  await joined(socket, topicOf());
  assert.deepEqual([channel.joins.length, socket.opened.length], [1, 1]);
});

test("a channel that crashed is joined again by the client, and works", async (t) => {
  const [socket, topic] = [socketOf(t), topicOf()];
  const channel = await rejoining(socket, topic);
  const [crashed, received] = [endsOf(channel, "phx_error"), payloadsOf(channel, "shout", ({ n }) => n)];
  assert.deepEqual(await answerTo(channel.push("test:crash", {})), HOOK);
  await crashed.untilCount(1);
  await channel.joins.untilCount(2);
  await answerTo(channel.push("shout", { n: 1 }));
  await received.untilCount(1);
  assert.equal(socket.opened.length, 1);
});

test("the crash of one member's channel is not noticed by another", async (t) => {
  const topic = topicOf();
  const [one, other] = [await rejoining(socketOf(t), topic), await rejoining(socketOf(t), topic)];
  const [crashed, unharmed] = [endsOf(one, "phx_error"), endsOf(other, "phx_error")];
  await answerTo(one.push("test:crash", {}));
  await crashed.untilCount(1);
  await answerTo(other.push("shout", {}));
  assert.deepEqual([unharmed.length, other.joins.length], [0, 1]);
});

for (const frame of ["this is no JSON", "{}", "[1,2,3]", '["1","1","public:x"]', "[]"]) {
  test(`what cannot be decoded ends that socket with an error: ${frame}`, async () => {
    const socket = new WebSocket(address("/socket/websocket?vsn=2.0.0"));
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("open", () => socket.send(frame));
    assert.equal(await within(closed, "the close"), 1011);
  });
}
