// Pings of the server, pongs of the client, and what silence means to each of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { connectedClient, subscribed } from "../support/centrifuge.mjs";
import { address, topicOf } from "../support/gateway.mjs";
import { plainSocket } from "../support/plain.mjs";
import { Proxy } from "../support/proxy.mjs";
import { Journal, journalOf, next, within } from "../support/waiting.mjs";

/** Milliseconds beyond the interval of 2 s after which the client takes the server for lost. */
const IMPATIENT = { maxServerPingDelay: 1500 };

test("the server pings, the client answers, and neither takes the other for lost", async (t) => {
  const [pings, pongs] = [new Journal(), new Journal()];
  class Watched extends WebSocket {
    constructor(...options) {
      super(...options);
      this.on("message", (data) => data.toString().trim() === "{}" && pings.add("ping"));
    }

    send(data, ...options) {
      if (data.trim() === "{}") pongs.add("pong");
      super.send(data, ...options);
    }
  }
  const client = await connectedClient(t, { websocket: Watched, ...IMPATIENT });
  const trouble = [journalOf(client, "connecting"), journalOf(client, "disconnected")];
  await pings.untilCount(4);
  await client.rpc("echo", 1);
  assert.equal(pongs.length, pings.length);
  for (const journal of trouble) assert.equal(journal.length, 0);
});

test("who answers no ping is closed with 3012", async (t) => {
  const socket = await plainSocket(t, address("/connection/websocket"));
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.say({ id: 1, connect: {} });
  const [{ connect }] = await socket.frames.untilCount(1);
  assert.deepEqual([connect.ping, connect.pong], [2, true]);
  assert.equal(await within(closed, "the close", 20_000), 3012);
});

test("a link that goes dead without a word is noticed by both ends, and nothing is missed", async (t) => {
  const topic = topicOf();
  const proxy = await Proxy.to(t);
  const [reader, watcher] = [await connectedClient(t, { through: proxy.port, ...IMPATIENT }), await connectedClient(t)];
  const { received } = await subscribed(reader, topic);
  const left = journalOf(await subscribed(watcher, topic, { joinLeave: true }), "leave", ({ info }) => info.client);
  const [lost, back] = [next(reader, "connecting"), next(reader, "connected")];
  proxy.silence();
  await watcher.publish(topic, "missed");
  assert.equal((await lost).code, 2);
  const before = reader.connected.client;
  assert.notEqual((await back).client, before);
  await received.untilCount(1);
  await left.until((all) => all.includes(before), "the server to notice", 20_000);
});
