// One topic, and the clients that come back by themselves cut off again and again while others publish.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Proxy } from "../support/proxy.mjs";
import { survives } from "../support/recovery.mjs";
import { MIXED_PORT, room } from "../support/room.mjs";
import { Journal, upTo } from "../support/waiting.mjs";

const places = ({ heard }) => heard.entries.map(({ from, n, offset }) => [from, n, offset]);

/** The numbers that all of these members have heard. */
function heardByAll(members) {
  const common = new Journal();
  const look = () => {
    const least = Math.min(...members.map(({ heard }) => heard.length));
    while (common.length < least) common.add(members[0].heard.entries[common.length].n);
  };
  for (const { heard } of members) heard.onEntry = look;
  return common;
}

test("whoever is cut off, all wires hear the same, once, in one order and with the same offsets", async (t) => {
  const proxies = { centrifuge: await Proxy.to(t, MIXED_PORT), phoenix: await Proxy.to(t, MIXED_PORT) };
  const members = await room(t, { centrifuge: proxies.centrifuge.port, phoenix: proxies.phoenix.port });
  const publish = async (n) => {
    const from = ["native", "raw"][n % 2]; // the others are away as often as not
    await members[from].publish({ from, n });
    await members.native.heard.untilCount(n); // the raw wire has no answer that says so
  };
  const interrupt = async (publisher, cut) => {
    const proxy = cut % 2 ? proxies.centrifuge : proxies.phoenix;
    await proxy.cutAfter(1 + ((cut * 211) % 1500));
    proxy.hold();
    await publisher.runAhead();
    proxy.release();
  };
  await survives(interrupt, publish, heardByAll([members.centrifuge, members.phoenix]));
  const order = places(members.native);
  await members.raw.heard.untilCount(order.length);
  assert.deepEqual(order.map(([, , offset]) => offset), upTo(order.length));
  for (const wire of ["centrifuge", "phoenix"]) assert.deepEqual(places(members[wire]), order, `on ${wire}`);
  assert.deepEqual(places(members.raw), order.map(([from, n]) => [from, n, undefined]));
  assert.ok(members.centrifuge.interruptions.length > 1, "the Centrifuge client was not interrupted");
  assert.ok(members.phoenix.returns.length > 1, "the Phoenix client did not come back");
});
