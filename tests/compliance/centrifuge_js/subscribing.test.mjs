// Subscriptions: who gets what, who is refused, how many there may be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectedClient, dataOf, offsetsOf, subscribed, subscriptionOf } from "../support/centrifuge.mjs";
import { SOON, secondsFromNow, tokenOf, topicOf } from "../support/gateway.mjs";
import { Journal, journalOf, next, upTo } from "../support/waiting.mjs";

/** Subscriptions that one connection may have: limits.max_topics_per_connection. */
const LIMIT = 128;

test("what one publishes all receive, itself included, in one order and with the same offsets", async (t) => {
  const topic = topicOf();
  const clients = await Promise.all(upTo(10).map(() => connectedClient(t)));
  const subscriptions = await Promise.all(clients.map((client) => subscribed(client, topic)));
  await Promise.all(upTo(200).map((number) => clients[number % 10].publish(topic, number)));
  await Promise.all(subscriptions.map(({ received }) => received.untilCount(200)));
  const first = subscriptions[0].received;
  assert.deepEqual([...dataOf(first)].sort((a, b) => a - b), upTo(200));
  for (const { received } of subscriptions) {
    assert.deepEqual(dataOf(received), dataOf(first));
    assert.deepEqual(offsetsOf(received), upTo(200));
  }
});

test("a publication says who published it", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const { received } = await subscribed(client, topic);
  await client.publish(topic, "hello");
  const [publication] = await received.untilCount(1);
  assert.deepEqual(publication.info, { client: client.connected.client, user: "" });
});

test("who is not subscribed may publish, and does not receive", async (t) => {
  const topic = topicOf();
  const [reader, writer] = await Promise.all([connectedClient(t), connectedClient(t)]);
  const { received } = await subscribed(reader, topic);
  const stray = journalOf(writer, "publication");
  await writer.publish(topic, "hello");
  await received.untilCount(1);
  assert.equal((await writer.rpc("echo", "marker")).data, "marker");
  assert.equal(stray.length, 0);
});

test("after an unsubscribe nothing comes; a new subscription is served as the first was", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topic);
  subscription.unsubscribe();
  await client.publish(topic, "missed");
  assert.equal(subscription.received.length, 0);
  client.removeSubscription(subscription);
  const { received } = await subscribed(client, topic);
  await client.publish(topic, "heard");
  await received.untilCount(1);
  assert.deepEqual(dataOf(received), ["heard"]);
});

for (const times of [1, 3, 50]) {
  test(`who changes its mind ${times} times without waiting is subscribed in the end`, async (t) => {
    const client = await connectedClient(t);
    const subscription = subscriptionOf(client, topicOf());
    const [trouble, received] = [journalOf(client, "connecting"), journalOf(subscription, "publication")];
    for (let time = 0; time < times; time += 1) {
      subscription.subscribe();
      subscription.unsubscribe();
    }
    await settlesSubscribed(subscription);
    await client.publish(subscription.channel, "hello");
    await received.untilCount(1);
    assert.deepEqual(Object.keys((await subscription.presence()).clients), [client.connected.client]);
    assert.equal(trouble.length, 0);
  });
}

test("who unsubscribes and subscribes again at once is subscribed, and misses nothing", async (t) => {
  const client = await connectedClient(t);
  const subscription = await subscribed(client, topicOf());
  await client.publish(subscription.channel, 1);
  await subscription.received.untilCount(1);
  client.startBatching(); // both in one frame
  subscription.unsubscribe();
  const settled = settlesSubscribed(subscription);
  client.stopBatching();
  await settled;
  await client.publish(subscription.channel, 2);
  await subscription.received.untilCount(2);
  assert.deepEqual(dataOf(subscription.received), [1, 2]);
});

/** Subscribes, and fails with the code if the server ends it. */
async function settlesSubscribed(subscription) {
  const settled = new Journal();
  subscription.on("subscribed", () => settled.add("subscribed"));
  subscription.on("unsubscribed", ({ code, reason }) => settled.add(`${code} ${reason}`));
  subscription.subscribe();
  assert.deepEqual([...(await settled.untilCount(1))], ["subscribed"]);
}

test("a channel for the authenticated refuses the others with 103 and keeps their connection", async (t) => {
  const client = await connectedClient(t);
  const subscription = subscriptionOf(client, topicOf("private"));
  const refused = next(subscription, "unsubscribed");
  subscription.subscribe();
  assert.equal((await refused).code, 103);
  assert.equal((await client.rpc("echo", 1)).data, 1);
});

test("a channel for the authenticated is open to them", async (t) => {
  const topic = topicOf("private");
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const { received } = await subscribed(client, topic);
  await client.publish(topic, "hello");
  await received.untilCount(1);
});

test("publishing to a channel for the authenticated is refused to others with 103", async (t) => {
  const client = await connectedClient(t);
  await assert.rejects(client.publish(topicOf("private"), "hello"), { code: 103 });
});

test("a subscription with a token for its channel is accepted", async (t) => {
  const topic = topicOf("private");
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  await subscribed(client, topic, { token: tokenOf({ sub: "alice", channel: topic }) });
});

test("a subscription token for another channel closes the connection for good", async (t) => {
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const ended = next(client, "disconnected");
  subscriptionOf(client, topicOf(), { token: tokenOf({ sub: "alice", channel: topicOf() }) }).subscribe();
  assert.equal((await ended).code, 3500);
});

test("a subscription token of another user closes the connection for good", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const ended = next(client, "disconnected");
  subscriptionOf(client, topic, { token: tokenOf({ sub: "bob", channel: topic }) }).subscribe();
  assert.equal((await ended).code, 3500);
});

test("a subscription token with a wrong signature is refused with 103", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const token = tokenOf({ sub: "alice", channel: topic }, "another secret, as long as the right one");
  const subscription = subscriptionOf(client, topic, { token });
  const refused = next(subscription, "unsubscribed");
  subscription.subscribe();
  assert.equal((await refused).code, 103);
});

test("with an expired subscription token the client asks for a new one and subscribes with it", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const asked = new Journal();
  const getToken = async ({ channel }) => {
    asked.add(channel);
    return tokenOf({ sub: "alice", channel });
  };
  const token = tokenOf({ sub: "alice", channel: topic, exp: secondsFromNow(-60) });
  await subscribed(client, topic, { token, getToken });
  assert.deepEqual(asked.entries, [topic]);
});

test("a subscription lives on past the end of its token, with a new one", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const asked = new Journal();
  const getToken = async ({ channel }) => {
    asked.add(channel);
    return tokenOf({ sub: "alice", channel, exp: secondsFromNow(asked.length < 3 ? SOON : 3600) });
  };
  const subscription = await subscribed(client, topic, { getToken });
  const interruptions = journalOf(subscription, "subscribing");
  await asked.untilCount(3);
  await client.publish(topic, "still here");
  await subscription.received.untilCount(1);
  assert.equal(interruptions.length, 0);
});

test("who lets a subscription token run out loses the subscription alone, with 2501", async (t) => {
  const topic = topicOf();
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice" }) });
  const tokens = [tokenOf({ sub: "alice", channel: topic, exp: secondsFromNow(SOON) })];
  const getToken = () => tokens.shift() ?? new Promise(() => {}); // from then on nobody answers
  const lost = journalOf(client, "connecting");
  const subscription = await subscribed(client, topic, { getToken: async () => getToken() });
  assert.equal((await next(subscription, "subscribing")).code, 2501);
  assert.equal((await client.rpc("echo", 1)).data, 1);
  assert.equal(lost.length, 0);
});

test("one more channel than a connection may have is refused with 106; the others stay", async (t) => {
  const client = await connectedClient(t);
  const subscriptions = await Promise.all(upTo(LIMIT).map(() => subscribed(client, topicOf())));
  const excess = subscriptionOf(client, topicOf());
  const refused = next(excess, "unsubscribed");
  excess.subscribe();
  assert.equal((await refused).code, 106);
  await client.publish(subscriptions[0].channel, "hello");
  await subscriptions[0].received.untilCount(1);
});

test("a thousand subscriptions come and go on one connection", async (t) => {
  const client = await connectedClient(t);
  const trouble = [journalOf(client, "error"), journalOf(client, "connecting"), journalOf(client, "disconnected")];
  for (const round of upTo(10)) await churn(client, round);
  for (const journal of trouble) assert.deepEqual(journal.entries, []);
  assert.deepEqual(Object.keys(client.subscriptions()), []);
});

/** A hundred subscriptions in one frame, each used, then ended in one frame. */
async function churn(client, round) {
  const topics = upTo(100).map(() => topicOf());
  client.startBatching();
  const subscribing = topics.map((topic) => subscribed(client, topic));
  client.stopBatching();
  const subscriptions = await Promise.all(subscribing);
  await Promise.all(topics.map((topic) => client.publish(topic, round)));
  await Promise.all(subscriptions.map(({ received }) => received.untilCount(1)));
  client.startBatching();
  for (const subscription of subscriptions) {
    assert.deepEqual(dataOf(subscription.received), [round]);
    subscription.unsubscribe();
    client.removeSubscription(subscription);
  }
  client.stopBatching();
  const left = await Promise.all(topics.map((topic) => client.presenceStats(topic)));
  assert.ok(left.every((stats) => !stats.numClients), "an ended subscription is still present");
}
