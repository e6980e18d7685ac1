// What is kept of a channel: its position, its publications, page by page and backwards.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectedClient } from "../support/centrifuge.mjs";
import { topicOf } from "../support/gateway.mjs";
import { upTo } from "../support/waiting.mjs";

const KEPT = 100;

/** A client, and a topic with so many publications, numbered from 1. */
async function filled(t, count) {
  const topic = topicOf();
  const client = await connectedClient(t);
  for (const number of upTo(count)) await client.publish(topic, { number });
  return { client, topic };
}

const numbersOf = ({ publications }) => publications.map((one) => one.data.number);

test("without a limit the position is told, and nothing else", async (t) => {
  const { client, topic } = await filled(t, 5);
  const { publications, offset, epoch } = await client.history(topic);
  assert.deepEqual({ publications, offset }, { publications: [], offset: 5 });
  assert.match(epoch, /\S/);
});

test("a channel that nobody wrote to has position 0", async (t) => {
  const client = await connectedClient(t);
  const { publications, offset } = await client.history(topicOf(), { limit: 10 });
  assert.deepEqual({ publications, offset }, { publications: [], offset: 0 });
});

test("a limit gives the oldest, with data, offset and publisher; the position is the top", async (t) => {
  const { client, topic } = await filled(t, 5);
  const { publications, offset } = await client.history(topic, { limit: 2 });
  const info = { client: client.connected.client, user: "" };
  assert.equal(offset, 5);
  assert.deepEqual(
    publications.map(({ data, offset: at, info: by }) => ({ data, at, by })),
    [1, 2].map((number) => ({ data: { number }, at: number, by: info })),
  );
});

test("-1 gives all that are kept, which is at least 100", async (t) => {
  const { client, topic } = await filled(t, KEPT);
  assert.deepEqual(numbersOf(await client.history(topic, { limit: -1 })), upTo(KEPT));
});

test("page by page from the oldest, each publication comes once", async (t) => {
  const { client, topic } = await filled(t, 10);
  const pages = [];
  let since;
  for (;;) {
    const { publications, epoch } = await client.history(topic, { limit: 4, since });
    if (publications.length === 0) break;
    pages.push(publications.map((one) => one.data.number));
    since = { offset: publications.at(-1).offset, epoch };
  }
  assert.deepEqual(pages, [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]);
});

test("page by page from the newest, each publication comes once", async (t) => {
  const { client, topic } = await filled(t, 10);
  const pages = [];
  let since;
  for (;;) {
    const { publications, epoch } = await client.history(topic, { limit: 4, since, reverse: true });
    if (publications.length === 0) break;
    pages.push(publications.map((one) => one.data.number));
    since = { offset: publications.at(-1).offset, epoch };
  }
  assert.deepEqual(pages, [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]);
});

test("a position of another epoch is refused with 112", async (t) => {
  const { client, topic } = await filled(t, 2);
  await assert.rejects(client.history(topic, { limit: 1, since: { offset: 1, epoch: "another" } }), { code: 112 });
});

test("the history of a channel for the authenticated is refused to others with 103", async (t) => {
  const client = await connectedClient(t);
  await assert.rejects(client.history(topicOf("private"), { limit: 1 }), { code: 103 });
});
