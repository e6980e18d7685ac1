// Who is there: asked for, counted, and told to those who want to know.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectedClient, subscribed } from "../support/centrifuge.mjs";
import { tokenOf, topicOf } from "../support/gateway.mjs";
import { Proxy } from "../support/proxy.mjs";
import { journalOf } from "../support/waiting.mjs";

const idOf = (client) => client.connected.client;

test("presence names each connection once, with its user and what its token tells of it", async (t) => {
  const topic = topicOf();
  const anonymous = await connectedClient(t);
  const alice = await connectedClient(t, { token: tokenOf({ sub: "alice", info: { name: "Alice" } }) });
  await subscribed(anonymous, topic);
  await subscribed(alice, topic);
  const { clients } = await anonymous.presence(topic);
  const shown = Object.entries(clients).map(([key, one]) => [key, one.client, one.user, one.connInfo]);
  const expected = [
    [idOf(anonymous), idOf(anonymous), "", undefined],
    [idOf(alice), idOf(alice), "alice", { name: "Alice" }],
  ];
  assert.deepEqual(shown.sort(), expected.sort());
});

test("the statistics count connections and users; two tabs are one user, the anonymous are one", async (t) => {
  const topic = topicOf();
  const token = tokenOf({ sub: "alice" });
  const clients = await Promise.all([{}, {}, { token }, { token }].map((options) => connectedClient(t, options)));
  for (const client of clients) await subscribed(client, topic);
  assert.deepEqual(await clients[0].presenceStats(topic), { numClients: 4, numUsers: 2 });
});

test("who is not subscribed is not present; an empty channel has nobody", async (t) => {
  const client = await connectedClient(t);
  const topic = topicOf();
  assert.deepEqual((await client.presence(topic)).clients ?? {}, {});
  const { numClients = 0, numUsers = 0 } = await client.presenceStats(topic);
  assert.deepEqual({ numClients, numUsers }, { numClients: 0, numUsers: 0 });
});

test("who asked for it is told of joins and leaves, in order; who did not is not", async (t) => {
  const topic = topicOf();
  const [watcher, plain] = await Promise.all([connectedClient(t), connectedClient(t)]);
  const alice = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const told = journalsOf(await subscribed(watcher, topic, { joinLeave: true }));
  const untold = journalsOf(await subscribed(plain, topic));
  await told.joined.until((all) => all.some((one) => one.client === idOf(plain)), "the join of the plain one");
  const subscription = await subscribed(alice, topic);
  await told.joined.until((all) => all.some((one) => one.user === "alice"), "alice's join");
  subscription.unsubscribe();
  await told.left.untilCount(1);
  assert.deepEqual(told.left.entries, [{ client: idOf(alice), user: "alice" }]);
  assert.equal((await plain.rpc("echo", 1)).data, 1);
  assert.deepEqual([untold.joined.length, untold.left.length], [0, 0]);
});

test("who is cut off leaves", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const watcher = await connectedClient(t);
  const lost = await connectedClient(t, { through: proxy.port });
  const { left } = journalsOf(await subscribed(watcher, topic, { joinLeave: true }));
  await subscribed(lost, topic);
  proxy.hold();
  proxy.cut();
  await left.untilCount(1);
  assert.deepEqual(left.entries, [{ client: idOf(lost), user: "" }]);
  assert.deepEqual(Object.keys((await watcher.presence(topic)).clients), [idOf(watcher)]);
});

test("presence of a channel for the authenticated is refused to others with 103", async (t) => {
  const client = await connectedClient(t);
  await assert.rejects(client.presence(topicOf("private")), { code: 103 });
});

function journalsOf(subscription) {
  const shown = ({ info }) => info;
  return { joined: journalOf(subscription, "join", shown), left: journalOf(subscription, "leave", shown) };
}
