// One topic with members on all four wires: what one publishes all receive, with the same order, offsets and presence.

import assert from "node:assert/strict";
import { test } from "node:test";
import { room, WIRES } from "../support/room.mjs";
import { untilPresent } from "../support/phoenix.mjs";
import { upTo } from "../support/waiting.mjs";

/** Messages of each wire in the tests of order. */
const EACH = 50;

const places = ({ from, n, offset }) => [from, n, offset];

for (const wire of WIRES) {
  test(`what the ${wire} member publishes all four receive, with the same offset`, async (t) => {
    const members = await room(t);
    await members[wire].publish({ from: wire, n: 1 });
    for (const one of WIRES) {
      const [heard] = await members[one].heard.untilCount(1);
      assert.deepEqual(heard, { from: wire, n: 1, ...(one === "raw" ? {} : { offset: 1 }) }, `on ${one}`);
    }
  });
}

test("when all publish at once, all receive all in one order, and the offsets are its numbers", async (t) => {
  const members = await room(t);
  await Promise.all(WIRES.flatMap((wire) => upTo(EACH).map((n) => members[wire].publish({ from: wire, n }))));
  const total = EACH * WIRES.length;
  for (const wire of WIRES) await members[wire].heard.untilCount(total);
  const order = members.native.heard.entries.map(places);
  assert.deepEqual(order.map(([, , offset]) => offset), upTo(total));
  assert.deepEqual(members.centrifuge.heard.entries.map(places), order);
  assert.deepEqual(members.phoenix.heard.entries.map(places), order);
  assert.deepEqual(members.raw.heard.entries.map(places), order.map(([from, n]) => [from, n, undefined]));
  for (const wire of WIRES) {
    const own = order.filter(([from]) => from === wire).map(([, n]) => n);
    assert.deepEqual(own, upTo(EACH), `the order of ${wire} alone`);
  }
});

test("all agree on what is kept", async (t) => {
  const members = await room(t);
  for (const [index, wire] of WIRES.entries()) {
    await members[wire].publish({ from: wire, n: 1 });
    await members.native.heard.untilCount(index + 1);
  }
  const expected = WIRES.map((from, index) => [from, 1, index + 1]);
  const [native, centrifuge, phoenix] = await Promise.all([
    members.native.history(),
    members.centrifuge.history(),
    members.phoenix.history(),
  ]);
  for (const kept of [native, centrifuge, phoenix]) {
    assert.deepEqual(kept.messages.map(places), expected);
    assert.equal(kept.offset, WIRES.length);
    assert.equal(kept.epoch, native.epoch);
  }
});

test("all see the same people, each connection once", async (t) => {
  const members = await room(t);
  const present = WIRES.map((wire) => [wire, members[wire].id]).sort();
  assert.deepEqual((await members.native.presence()).sort(), present);
  assert.deepEqual((await members.centrifuge.presence()).sort(), present);
  await untilPresent(members.phoenix.present, WIRES.map((wire) => [wire, 1]).sort());
});

for (const wire of WIRES) {
  test(`when the ${wire} member goes, all others are told, and agree on who is left`, async (t) => {
    const members = await room(t);
    await untilPresent(members.phoenix.present, WIRES.map((one) => [one, 1]).sort());
    members[wire].leave();
    const left = WIRES.filter((one) => one !== wire);
    if (wire !== "native") await members.native.gone.until((all) => all.includes(wire), `native: ${wire} to leave`);
    if (wire !== "centrifuge") await members.centrifuge.gone.until((all) => all.includes(wire), `centrifuge: ${wire} to leave`);
    if (wire !== "phoenix") await untilPresent(members.phoenix.present, left.map((one) => [one, 1]).sort());
    const asked = wire === "native" ? members.centrifuge : members.native;
    assert.deepEqual((await asked.presence()).map(([user]) => user).sort(), [...left].sort());
  });
}

test("an event's name reaches the wires that have names, and the one that has tags", async (t) => {
  const members = await room(t);
  await members.phoenix.publish({ from: "phoenix", n: 1 }, "shout");
  const [event] = await members.native.events.untilCount(1);
  assert.equal(event.event, "shout");
  const [publication] = await members.centrifuge.publications.untilCount(1);
  assert.deepEqual(publication.tags, { event: "shout" });
});

test("all that say who published say the same", async (t) => {
  const members = await room(t);
  await members.phoenix.publish({ from: "phoenix", n: 1 });
  const [event] = await members.native.events.untilCount(1);
  const [{ info }] = await members.centrifuge.publications.untilCount(1);
  const publisher = { client: members.phoenix.id, user: "phoenix" };
  assert.deepEqual(event.sender, publisher);
  assert.deepEqual({ client: info.client, user: info.user }, publisher);
});

test("who does not want its own message does not get it, and its offset is taken all the same", async (t) => {
  const members = await room(t);
  await members.native.publish({ from: "native", n: 1 }, "message", { echo: false });
  await members.native.publish({ from: "native", n: 2 });
  await members.native.heard.untilCount(1);
  await members.centrifuge.heard.untilCount(2);
  assert.deepEqual(members.native.heard.entries.map(places), [["native", 2, 2]]);
  assert.deepEqual(members.centrifuge.heard.entries.map(places), [["native", 1, 1], ["native", 2, 2]]);
});

test("a payload that is no object reaches all; Phoenix has it wrapped", async (t) => {
  const members = await room(t);
  await members.centrifuge.publish("just a text");
  assert.equal((await members.native.events.untilCount(1))[0].payload, "just a text");
  assert.equal((await members.raw.frames.untilCount(1))[0], "just a text");
  const [{ data, gw }] = await members.phoenix.payloads.untilCount(1);
  assert.deepEqual([data, gw.offset], ["just a text", 1]);
});

test("a payload that its author wrote over several lines reaches all as one message", async (t) => {
  const members = await room(t);
  members.native.sendText('{"action":"publish","channel":"TOPIC","payload":{\n  "from": "native",\r\n\t"n": 1\n}}');
  for (const wire of WIRES) {
    const [{ from, n }] = await members[wire].heard.untilCount(1);
    assert.deepEqual([from, n], ["native", 1], `on ${wire}`);
  }
  await members.raw.publish({ from: "raw", n: 2 });
  for (const wire of WIRES) await members[wire].heard.untilCount(2);
  assert.equal((await members.centrifuge.history()).messages.length, 2);
  assert.equal(members.centrifuge.interruptions.length, 0);
});

test("what a member says of itself over several lines reaches all", async (t) => {
  const members = await room(t);
  members.native.sendText('{"action":"subscribe","channel":"TOPIC","info":{\n"name":\n"N"\n},"ref":"again"}');
  await members.raw.publish({ from: "raw", n: 1 });
  for (const wire of WIRES) await members[wire].heard.untilCount(1);
  assert.deepEqual((await members.centrifuge.presence()).map(([user]) => user).sort(), [...WIRES].sort());
  assert.equal(members.centrifuge.interruptions.length, 0);
});

test("a binary payload ends nobody's connection, and what follows reaches all", async (t) => {
  const members = await room(t);
  await members.phoenix.publish(Uint8Array.of(0, 255, 128).buffer, "draw");
  await members.native.publish({ from: "native", n: 1 });
  for (const wire of WIRES) {
    const heard = await members[wire].heard.until((all) => all.some(({ from }) => from === "native"), `${wire}: what follows`);
    const { offset } = heard.find(({ from }) => from === "native");
    assert.equal(offset, wire === "raw" ? undefined : 2);
  }
  assert.equal(members.centrifuge.interruptions.length, 0);
});
