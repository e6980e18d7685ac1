// Sockets and channels of Phoenix: who may open one, who may join, what a second join does.

import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { SOON, address, secondsFromNow, tokenOf, topicOf } from "../support/gateway.mjs";
import { plainSocket } from "../support/plain.mjs";
import { answerTo, endsOf, joined, payloadsOf, socketOf } from "../support/phoenix.mjs";
import { upTo, within } from "../support/waiting.mjs";

const SOCKET = address("/socket/websocket?vsn=2.0.0");
const OTHER_SECRET = "another secret, as long as the right one";
/** Channels that one socket may have: limits.max_topics_per_connection. */
const LIMIT = 128;
/** Milliseconds after which a refused channel tries again: longer than any test. */
const PATIENT = { rejoinAfterMs: () => 60_000 };

test("a public channel is joined by anyone", async (t) => {
  const { joined: answer } = await joined(socketOf(t), topicOf());
  assert.equal(answer.status, "ok");
  assert.equal(typeof answer.response, "object");
});

test("a topic that has no such name is unmatched", async (t) => {
  const channel = socketOf(t, PATIENT).channel(topicOf("elsewhere"));
  assert.deepEqual(await answerTo(channel.join()), { status: "error", response: { reason: "unmatched topic" } });
});

test("a channel for the authenticated refuses the others, and their socket lives on", async (t) => {
  const socket = socketOf(t, PATIENT);
  const { status, response } = await answerTo(socket.channel(topicOf("private")).join());
  assert.deepEqual([status, response.reason], ["error", "unauthorized"]);
  await joined(socket, topicOf());
  assert.equal(socket.opened.length, 1);
});

test("a token in the subprotocol opens what is for the authenticated", async (t) => {
  await joined(socketOf(t, { authToken: tokenOf({ sub: "alice" }) }), topicOf("private"));
});

test("a token that needs another alphabet is understood too", async (t) => {
  // the client encodes with btoa, whose + and / are no letters of a subprotocol in every library
  const token = tokenOf({ sub: "alice", note: "???>>>~~~" });
  await joined(socketOf(t, { authToken: token }), topicOf("private"));
});

test("a token with a wrong signature does not open a socket", async (t) => {
  const socket = socketOf(t, { authToken: tokenOf({ sub: "mallory" }, OTHER_SECRET), reconnectAfterMs: () => 60_000 });
  await socket.failed.untilCount(1);
  assert.match(socket.failed.entries[0], /40[13]/);
  assert.equal(socket.opened.length, 0);
});

test("who lets its token run out is closed, and gets in no more with it", async (t) => {
  const authToken = tokenOf({ sub: "alice", exp: secondsFromNow(SOON) });
  const socket = socketOf(t, { authToken });
  await joined(socket, topicOf("private"));
  await socket.closed.untilCount(1);
  assert.equal(socket.closed.entries[0].code, 3005);
  await socket.failed.until((all) => all.some((error) => /40[13]/.test(error)), "a refusal");
  assert.equal(socket.opened.length, 1);
});

for (const query of ["", "?vsn=1.0.0", "?vsn=nonsense"]) {
  test(`a version that is not spoken is refused with 403: "${query}"`, async () => {
    const socket = new WebSocket(address(`/socket/websocket${query}`));
    const answered = new Promise((resolve) => socket.on("unexpected-response", (_, { statusCode }) => resolve(statusCode)));
    assert.equal(await within(answered, "the refusal"), 403);
    socket.on("error", () => {}); // it was given up before it opened
    socket.terminate();
  });
}

test("one more channel than a socket may have is refused, and the others stay", async (t) => {
  const socket = socketOf(t, PATIENT);
  const channels = await Promise.all(upTo(LIMIT).map(() => joined(socket, topicOf())));
  const { status, response } = await answerTo(socket.channel(topicOf()).join());
  assert.deepEqual([status, response.reason], ["error", "too many channels joined"]);
  assert.equal((await answerTo(channels[0].push("shout", {}))).status, "ok");
});

test("a thousand channels come and go on one socket", async (t) => {
  const socket = socketOf(t);
  for (const round of upTo(10)) {
    const channels = await Promise.all(upTo(100).map(() => joined(socket, topicOf())));
    const journals = channels.map((channel) => payloadsOf(channel, "shout"));
    await Promise.all(channels.map((channel) => answerTo(channel.push("shout", { round }))));
    for (const journal of journals) await journal.untilCount(1);
    await Promise.all(channels.map((channel) => answerTo(channel.leave())));
  }
  assert.deepEqual([socket.opened.length, socket.closed.length, socket.channels.length], [1, 0, 0]);
});

test("a second channel of a topic takes the place of the first, and each message comes once", async (t) => {
  const [socket, topic] = [socketOf(t), topicOf()];
  const first = await joined(socket, topic);
  const [closed, missed] = [endsOf(first, "phx_close"), payloadsOf(first, "shout")];
  const second = await joined(socket, topic);
  const received = payloadsOf(second, "shout");
  await answerTo(second.push("shout", { n: 1 }));
  await answerTo(second.push("shout", { n: 2 }));
  await received.untilCount(2);
  assert.deepEqual(received.entries.map(({ n }) => n), [1, 2]);
  assert.deepEqual([closed.length, missed.length, first.state], [1, 0, "closed"]);
});

test("a join of what is joined ends the old membership, in its name, and begins a new one", async (t) => {
  const { frames, say } = await plainSocket(t, SOCKET);
  const topic = topicOf();
  say(["1", "1", topic, "phx_join", {}]);
  await frames.until((all) => all.some(([, ref, , event]) => ref === "1" && event === "phx_reply"), "the first reply");
  say(["2", "2", topic, "phx_join", {}]);
  say(["2", "3", topic, "shout", { n: 1 }]);
  await frames.until((all) => all.some(([, ref]) => ref === "3"), "the reply to the push");
  const ends = frames.entries.filter(([, , , event]) => event === "phx_close");
  assert.deepEqual(ends, [["1", "1", topic, "phx_close", {}]]);
  assert.equal(frames.entries.filter(([, , , event]) => event === "shout").length, 1);
});

for (const [what, between] of [["join", []], ["leave and join", [["1", "2", "phx_leave"]]]]) {
  test(`a join, then ${what} without waiting: each is answered, and nothing comes in the name of what is closed`, async (t) => {
    const { frames, say } = await plainSocket(t, SOCKET);
    const topic = topicOf();
    for (const [joinRef, ref, event] of [["1", "1", "phx_join"], ...between, ["3", "3", "phx_join"]]) {
      say([joinRef, ref, topic, event, {}]);
    }
    say(["3", "4", topic, "shout", {}]);
    await frames.until((all) => all.some(([, ref]) => ref === "4"), "the reply to the push");
    const first = frames.entries.filter(([joinRef]) => joinRef === "1").map(([, ref, , event]) => [ref, event]);
    const leave = between.map(([, ref]) => [ref, "phx_reply"]);
    const states = first.filter(([, event]) => event === "presence_state");
    assert.deepEqual(first, [["1", "phx_reply"], ...states, ...leave, ["1", "phx_close"]]);
    const statuses = frames.entries.filter(([, , , event]) => event === "phx_reply").map(([, ref, , , { status }]) => [ref, status]);
    assert.deepEqual(statuses.sort(), [["1", "ok"], ...between.map(([, ref]) => [ref, "ok"]), ["3", "ok"], ["4", "ok"]]);
  });
}

test("leaving is answered, closes the channel, and nothing comes after it", async (t) => {
  const [one, two, topic] = [socketOf(t), socketOf(t), topicOf()];
  const [leaver, stayer] = [await joined(one, topic), await joined(two, topic)];
  const [closed, missed] = [endsOf(leaver, "phx_close"), payloadsOf(leaver, "shout")];
  assert.equal((await answerTo(leaver.leave())).status, "ok");
  await closed.untilCount(1);
  await answerTo(stayer.push("shout", {}));
  await joined(one, topicOf()); // the frames of one socket come in order: what was under way is there by now
  assert.equal(missed.length, 0);
  assert.deepEqual(one.channels.map((channel) => channel.topic).includes(topic), false);
});

test("a push to a topic that was not joined is unmatched", async (t) => {
  const { frames, say } = await plainSocket(t, SOCKET);
  const topic = topicOf();
  say(["1", "1", topic, "shout", {}]);
  await frames.untilCount(1);
  const response = { status: "error", response: { reason: "unmatched topic" } };
  assert.deepEqual(frames.entries, [[null, "1", topic, "phx_reply", response]]);
});

test("what is said in the name of an older join is ignored", async (t) => {
  const { frames, say } = await plainSocket(t, SOCKET);
  const topic = topicOf();
  say(["5", "5", topic, "phx_join", {}]);
  say(["4", "6", topic, "shout", { stale: true }]);
  say(["4", "7", topic, "phx_leave", {}]);
  say(["5", "8", topic, "shout", { stale: false }]);
  await frames.until((all) => all.some(([, ref]) => ref === "8"), "the reply to the push");
  const shouts = frames.entries.filter(([, , , event]) => event === "shout");
  assert.deepEqual(shouts.map(([, , , , { stale }]) => stale), [false]);
  assert.ok(!frames.entries.some(([, ref]) => ref === "6" || ref === "7"), "an older join was answered");
});
