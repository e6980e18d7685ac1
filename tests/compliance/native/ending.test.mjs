// How things end on the native wire: with a code that says whether to come back, with a token, or not at all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SOON, address, secondsFromNow, tokenOf, topicOf } from "../support/gateway.mjs";
import { plainSocket } from "../support/plain.mjs";
import { within } from "../support/waiting.mjs";
import { as, terminal, wscat } from "../support/wscat.mjs";

/** A plain socket with `closed`, which resolves with the code and the reason: wscat tells those to terminals only. */
async function watched(t, options) {
  const socket = await plainSocket(t, address("/ws"), options);
  socket.closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve([code, reason.toString()])));
  return socket;
}

for (const code of [3000, 3008, 3500, 3503, 4000, 4499, 4500, 4999]) {
  test(`a disconnect with ${code} is answered first, then closes with just that`, async (t) => {
    const socket = await watched(t);
    socket.say({ action: "disconnect", payload: { code, reason: "on purpose" }, ref: 1 });
    assert.deepEqual(await within(socket.closed, "the close"), [code, "on purpose"]);
    const { status, ref, payload } = socket.frames.entries.at(-1);
    assert.deepEqual([status, ref, payload], ["ok", 1, { hook: true }]);
  });
}

for (const [hook, code, reason, retry] of [["test:close", 2000, "closed", false], ["test:crash", 2500, "crashed", true]]) {
  test(`the server ends a membership with ${code}, which says whether to come back, and the connection lives on`, async (t) => {
    const topic = topicOf();
    const { ask, pushed } = await terminal(t);
    const { offset, epoch } = await ask({ action: "subscribe", channel: topic });
    assert.equal((await ask({ action: hook, channel: topic })).status, "ok");
    await pushed.until((all) => all.some((one) => one.action === "unsubscribed"), "the end of the membership");
    await ask({ action: "publish", channel: topic, payload: "meanwhile" });
    const back = await ask({ action: "subscribe", channel: topic, since: { offset, epoch } });
    assert.deepEqual([back.recovered, back.missed], [true, 1]);
    await pushed.untilCount(2);
    const [told, missed] = pushed.entries;
    assert.deepEqual(told, { action: "unsubscribed", channel: topic, code, reason, retry });
    assert.equal(missed.payload, "meanwhile");
  });
}

test("who has a token that ends is told so; with a newer one it lives on", async (t) => {
  const { ask, pushed } = await terminal(t, { options: as("alice", { exp: secondsFromNow(SOON) }) });
  await pushed.until((all) => all.some((one) => one.action === "expiring"), "the warning");
  assert.ok(pushed.entries.find((one) => one.action === "expiring").in <= SOON + 1, "it has longer");
  const answer = await ask({ action: "auth", token: tokenOf({ sub: "alice", exp: secondsFromNow(SOON) }) });
  assert.equal(answer.status, "authenticated");
  await pushed.until((all) => all.filter((one) => one.action === "expiring").length === 2, "the warning about that one");
  const last = await ask({ action: "auth", token: tokenOf({ sub: "alice" }) });
  assert.ok(last.expires_in > 3500, `expires in ${last.expires_in}`);
});

test("who lets its token run out is closed with 3005, after the grace", async (t) => {
  const token = tokenOf({ sub: "alice", exp: secondsFromNow(SOON) });
  const socket = await watched(t, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal((await within(socket.closed, "the close"))[0], 3005);
});

test("a newer token of another user is refused, and changes nothing", async (t) => {
  const { ask } = await terminal(t, { options: as("alice") });
  assert.equal((await ask({ action: "auth", token: tokenOf({ sub: "bob" }) })).error.code, 101);
  const topic = topicOf("private");
  await ask({ action: "subscribe", channel: topic });
  const { members } = await ask({ action: "presence", channel: topic });
  assert.deepEqual(members.map(({ user }) => user), ["alice"]);
});

test("wscat answers the server's pings, and stays", async (t) => {
  const { frames } = wscat(t, [{ action: "ping", ref: 1 }], { options: ["--show-ping-pong"] });
  const pings = (all) => all.filter((one) => String(one).startsWith("Received ping"));
  await frames.until((all) => pings(all).length >= 3, "three pings", 20_000);
});

test("a message above 64 KiB closes with 1009", async (t) => {
  const socket = await watched(t);
  socket.say({ action: "publish", channel: topicOf(), payload: "x".repeat(70_000) });
  assert.equal((await within(socket.closed, "the close"))[0], 1009);
});

test("ten lines that are no JSON close with 3509, each but the last answered", async (t) => {
  const socket = await watched(t);
  for (let line = 0; line < 10; line += 1) socket.send("this is no JSON");
  assert.equal((await within(socket.closed, "the close"))[0], 3509);
  assert.ok(socket.frames.entries.every(({ error }) => error.code === 107), "one was understood");
});
