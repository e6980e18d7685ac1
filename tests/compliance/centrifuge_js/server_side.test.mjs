// Subscriptions that the server makes: those of the token's `channels`, and those of a hook.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clientOf, connectedClient } from "../support/centrifuge.mjs";
import { tokenOf, topicOf } from "../support/gateway.mjs";
import { Proxy } from "../support/proxy.mjs";
import { survivesCuts } from "../support/recovery.mjs";
import { journalOf, next } from "../support/waiting.mjs";

const on = (topic) => ({ fits: (context) => context.channel === topic });

test("a client is subscribed to the channels of its token, and gets what is published there", async (t) => {
  const [one, two] = [topicOf("private"), topicOf()];
  const client = clientOf(t, { token: tokenOf({ sub: "alice", channels: [one, two] }) });
  const subscriptions = journalOf(client, "subscribed", (context) => context.channel);
  const received = journalOf(client, "publication", ({ channel, data }) => ({ channel, data }));
  client.connect();
  await subscriptions.untilCount(2);
  assert.deepEqual([...subscriptions.entries].sort(), [one, two].sort());
  await client.publish(two, "hello");
  await received.untilCount(1);
  assert.deepEqual(received.entries, [{ channel: two, data: "hello" }]);
});

test("what was published while a server-side subscriber was away comes after its return", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const client = clientOf(t, { through: proxy.port, token: tokenOf({ sub: "alice", channels: [topic] }) });
  const received = journalOf(client, "publication", (context) => context.data);
  const subscriptions = journalOf(client, "subscribed");
  client.connect();
  await subscriptions.untilCount(1);
  const publisher = await connectedClient(t);
  await survivesCuts(proxy, (number) => publisher.publish(topic, number), received);
  const again = subscriptions.entries.slice(1);
  assert.ok(again.every((context) => context.wasRecovering && context.recovered), "a return was not recovered");
});

test("who is in its token's channels is present there", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice", channels: [topic] }) });
  const { clients } = await client.presence(topic);
  assert.deepEqual(Object.values(clients).map((one) => one.user), ["alice"]);
});

test("a channel that the token names no longer is left at the next connect", async (t) => {
  const [kept, dropped] = [topicOf(), topicOf()];
  let channels = [kept, dropped];
  const client = clientOf(t, { getToken: async () => tokenOf({ sub: "alice", channels }) });
  const subscriptions = journalOf(client, "subscribed");
  client.connect();
  await subscriptions.untilCount(2);
  channels = [kept];
  client.disconnect();
  client.setToken("");
  const left = next(client, "unsubscribed", on(dropped));
  client.connect();
  await left;
});

test("the hook subscribe makes a server-side subscription", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const done = next(client, "subscribed", on(topic));
  const received = next(client, "publication", on(topic));
  await client.rpc("subscribe", { channel: topic });
  await done;
  await client.publish(topic, { n: 1 });
  assert.deepEqual((await received).data, { n: 1 });
});

test("the hook unsubscribe ends a server-side subscription", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const done = next(client, "subscribed", on(topic));
  await client.rpc("subscribe", { channel: topic });
  await done;
  const ended = next(client, "unsubscribed", on(topic));
  await client.rpc("unsubscribe", { channel: topic, code: 2000, reason: "enough" });
  await ended;
});
