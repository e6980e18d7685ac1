// Who may connect with the Centrifuge client, as whom, and when it has to show a new token.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clientOf, connectedClient, subscribed } from "../support/centrifuge.mjs";
import { SOON, secondsFromNow, tokenOf, topicOf } from "../support/gateway.mjs";
import { Journal, journalOf, next } from "../support/waiting.mjs";

test("an anonymous client connects and gets an id of its own", async (t) => {
  const [one, two] = await Promise.all([connectedClient(t), connectedClient(t)]);
  assert.match(one.connected.client, /\S/);
  assert.equal(one.connected.transport, "websocket");
  assert.notEqual(one.connected.client, two.connected.client);
});

test("a token says who is there, and what others see of it", async (t) => {
  const topic = topicOf();
  const alice = await connectedClient(t, { token: tokenOf({ sub: "alice", info: { name: "Alice" } }) });
  const { received } = await subscribed(await connectedClient(t), topic);
  await alice.publish(topic, "hello");
  const [{ info }] = await received.untilCount(1);
  assert.deepEqual(info, { client: alice.connected.client, user: "alice", connInfo: { name: "Alice" } });
});

test("a token with a wrong signature ends the client for good", async (t) => {
  const client = clientOf(t, { token: tokenOf({ sub: "mallory" }, "another secret, as long as the right one") });
  const ended = next(client, "disconnected");
  client.connect();
  assert.equal((await ended).code, 3500);
  assert.equal(client.state, "disconnected");
});

test("a token that is none ends the client for good", async (t) => {
  const client = clientOf(t, { token: "not.a.token" });
  const ended = next(client, "disconnected");
  client.connect();
  assert.equal((await ended).code, 3500);
});

test("with an expired token the client asks for a new one and comes back with it", async (t) => {
  let asked = 0;
  const getToken = async () => {
    asked += 1;
    return tokenOf({ sub: "alice" });
  };
  const client = clientOf(t, { token: tokenOf({ sub: "alice", exp: secondsFromNow(-60) }), getToken });
  const errors = journalOf(client, "error");
  const connected = next(client, "connected");
  client.connect();
  await connected;
  assert.equal(asked, 1);
  assert.deepEqual(errors.entries.map((one) => [one.type, one.error.code]), [["connect", 109]]);
});

test("with an expired token and nowhere to get another the client is unauthorized", async (t) => {
  const client = clientOf(t, { token: tokenOf({ sub: "alice", exp: secondsFromNow(-60) }) });
  const ended = next(client, "disconnected");
  client.connect();
  assert.equal((await ended).code, 1);
});

test("a connection lives on past the end of its token, with a new one", async (t) => {
  const refreshed = new Journal();
  const getToken = async () => {
    refreshed.add("asked");
    return tokenOf({ sub: "alice", exp: secondsFromNow(refreshed.length < 2 ? SOON : 3600) });
  };
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice", exp: secondsFromNow(SOON) }), getToken });
  const interruptions = journalOf(client, "connecting");
  await refreshed.untilCount(2);
  assert.deepEqual((await client.rpc("echo", "still here")).data, "still here");
  assert.equal(interruptions.length, 0);
});

test("a refresh with a token of somebody else's making ends the client for good", async (t) => {
  const getToken = async () => tokenOf({ sub: "alice" }, "another secret, as long as the right one");
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice", exp: secondsFromNow(SOON) }), getToken });
  assert.equal((await next(client, "disconnected")).code, 3500);
});

test("who lets a token run out is closed with 3005, after the grace, and may come back", async (t) => {
  const getToken = () => new Promise(() => {}); // nobody answers
  const client = await connectedClient(t, { token: tokenOf({ sub: "alice", exp: secondsFromNow(SOON) }), getToken });
  assert.equal((await next(client, "connecting")).code, 3005);
});

test("a message that wants no answer does not end the connection", async (t) => {
  const client = await connectedClient(t);
  const ended = journalOf(client, "connecting");
  await client.send({ hello: "there" });
  assert.equal((await client.rpc("echo", 1)).data, 1);
  assert.equal(ended.length, 0);
});
