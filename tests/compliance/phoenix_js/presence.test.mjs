// Who is there, as the client's own Presence class sees it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenOf, topicOf } from "../support/gateway.mjs";
import { countsOf, joined, payloadsOf, Presence, socketOf, untilPresent } from "../support/phoenix.mjs";
import { Proxy } from "../support/proxy.mjs";
import { Journal } from "../support/waiting.mjs";

const as = (user) => ({ authToken: tokenOf({ sub: user }) });

/** A channel with its Presence, made before the join so that no state is missed. */
async function present(t, topic, options) {
  const socket = socketOf(t, options);
  const channel = socket.channel(topic);
  const presence = new Presence(channel);
  channel.join();
  return { socket, channel, presence };
}

test("two users see each other, whoever came first", async (t) => {
  const topic = topicOf();
  const alice = await present(t, topic, as("alice"));
  await untilPresent(alice.presence, [["alice", 1]]);
  const bob = await present(t, topic, as("bob"));
  for (const { presence } of [alice, bob]) await untilPresent(presence, [["alice", 1], ["bob", 1]]);
});

test("the state comes once for each join, in its name, and has what the client needs", async (t) => {
  const topic = topicOf();
  const channel = socketOf(t, as("alice")).channel(topic);
  const states = payloadsOf(channel, "presence_state");
  channel.join();
  await states.untilCount(1);
  const presence = new Presence(channel);
  assert.deepEqual(countsOf(presence), []);
  const entries = Object.entries(states.entries[0]);
  assert.ok(entries.every(([key, { metas }]) => typeof key === "string" && metas.every((meta) => meta.phx_ref)));
});

test("a second tab is a second meta of one user, and its end takes away just that", async (t) => {
  const topic = topicOf();
  const watcher = await present(t, topic, as("bob"));
  await present(t, topic, as("alice"));
  const second = await present(t, topic, as("alice"));
  await untilPresent(watcher.presence, [["alice", 2], ["bob", 1]]);
  const refs = watcher.presence.state.alice.metas.map((meta) => meta.phx_ref);
  assert.equal(new Set(refs).size, 2);
  second.channel.leave();
  await untilPresent(watcher.presence, [["alice", 1], ["bob", 1]]);
});

test("joins and leaves are told with who was there before, and who is left", async (t) => {
  const topic = topicOf();
  const watcher = await present(t, topic, as("bob"));
  await untilPresent(watcher.presence, [["bob", 1]]);
  const told = new Journal();
  watcher.presence.onJoin((key, current) => told.add(["join", key, current?.metas.length ?? 0]));
  watcher.presence.onLeave((key, current) => told.add(["leave", key, current.metas.length]));
  const alice = await present(t, topic, as("alice"));
  await told.untilCount(1);
  alice.channel.leave();
  await told.untilCount(2);
  assert.deepEqual(told.entries, [["join", "alice", 0], ["leave", "alice", 0]]);
});

test("who is cut off is gone, and there again with a new meta when it is back", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const watcher = await present(t, topic, as("bob"));
  await present(t, topic, { through: proxy.port, ...as("alice") });
  await untilPresent(watcher.presence, [["alice", 1], ["bob", 1]]);
  const [before] = watcher.presence.state.alice.metas;
  proxy.hold();
  proxy.cut();
  await untilPresent(watcher.presence, [["bob", 1]]);
  proxy.release();
  await untilPresent(watcher.presence, [["alice", 1], ["bob", 1]]);
  assert.notEqual(watcher.presence.state.alice.metas[0].phx_ref, before.phx_ref);
});

test("after its own return a client's picture is right again", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const bob = await present(t, topic, { through: proxy.port, ...as("bob") });
  const alice = await present(t, topic, as("alice"));
  await untilPresent(bob.presence, [["alice", 1], ["bob", 1]]);
  proxy.hold();
  proxy.cut();
  alice.channel.leave(); // nobody can tell bob
  await present(t, topic, as("carol"));
  proxy.release();
  await untilPresent(bob.presence, [["bob", 1], ["carol", 1]]);
});

test("who is anonymous is counted too", async (t) => {
  const topic = topicOf();
  const watcher = await present(t, topic, as("bob"));
  const totals = new Journal();
  watcher.presence.onSync(() => totals.add(countsOf(watcher.presence).reduce((sum, [, count]) => sum + count, 0)));
  await joined(socketOf(t), topic);
  await totals.until((all) => all.at(-1) === 2, "two metas");
});
