// The native wire, spoken by what people have at hand: wscat, and a plain WebSocket.

import assert from "node:assert/strict";
import { test } from "node:test";
import { address, tokenOf, topicOf } from "../support/gateway.mjs";
import { plainSocket } from "../support/plain.mjs";
import { as, wscat } from "../support/wscat.mjs";

test("wscat with a cookie header connects and gets JSON replies", async (t) => {
  const topic = topicOf();
  const commands = [
    { action: "ping", ref: 1 },
    { action: "join_room", room: topic, ref: 2 },
    { action: "publish", room: topic, payload: { text: "hello" }, ref: 3 },
  ];
  const { frames } = wscat(t, commands, { options: ["--header", "Cookie: theme=dark; sid=42"] });
  await frames.untilCount(4);
  const [pong, joined] = frames.entries;
  assert.deepEqual([pong.action, pong.ref, typeof pong.timestamp], ["pong", 1, "number"]);
  assert.deepEqual([joined.status, joined.room, joined.ref], ["joined", topic, 2]);
  const event = frames.entries.find((frame) => frame.action === "event");
  assert.deepEqual([event.payload, event.offset], [{ text: "hello" }, 1]);
  const published = frames.entries.find((frame) => frame.status === "published");
  assert.deepEqual([published.ref, published.offset], [3, 1]);
});

test("wscat with a token in its Authorization header is who the token says", async (t) => {
  const topic = topicOf("private");
  const commands = [{ action: "subscribe", channel: topic, ref: 1 }, { action: "presence", channel: topic, ref: 2 }];
  const { frames } = wscat(t, commands, { options: as("alice") });
  await frames.untilCount(2);
  const [subscribed, presence] = frames.entries;
  assert.equal(subscribed.status, "subscribed");
  assert.deepEqual(presence.members.map((one) => one.user), ["alice"]);
});

test("wscat without a token is refused where one is needed, and told so in JSON", async (t) => {
  const { frames } = wscat(t, [{ action: "subscribe", channel: topicOf("private"), ref: 1 }]);
  await frames.untilCount(1);
  const [{ status, ref, error }] = frames.entries;
  assert.deepEqual([status, ref, error.code, error.reason], ["error", 1, 101, "unauthorized"]);
});

test("wscat with a token of somebody else's making does not get in", async (t) => {
  const token = tokenOf({ sub: "mallory" }, "another secret, as long as the right one");
  const { complaints, frames } = wscat(t, [{ action: "ping" }], { options: ["--header", `Authorization: Bearer ${token}`] });
  await complaints.untilCount(1);
  assert.match(complaints.entries[0], /Unexpected server response: 40[13]/);
  assert.equal(frames.length, 0);
});

test("wscat with a cookie from another site's page is refused", async (t) => {
  const options = ["--origin", "https://evil.example", "--header", "Cookie: sid=42"];
  const { complaints } = wscat(t, [{ action: "ping" }], { options });
  await complaints.untilCount(1);
  assert.match(complaints.entries[0], /Unexpected server response: 403/);
});

test("wscat that names the subprotocol is greeted", async (t) => {
  const { frames } = wscat(t, [{ action: "ping" }], { options: ["--subprotocol", "gateway.v1"] });
  await frames.untilCount(2);
  const [hello] = frames.entries;
  assert.deepEqual([hello.action, hello.protocol], ["hello", "gateway.v1"]);
});

test("a token may come later, as a command; it is answered with who that is", async (t) => {
  const socket = await plainSocket(t, address("/ws"));
  const topic = topicOf("private");
  socket.say({ action: "auth", token: tokenOf({ sub: "alice" }), ref: 1 });
  socket.say({ action: "subscribe", channel: topic, ref: 2 });
  await socket.frames.untilCount(2);
  const [identified, subscribed] = socket.frames.entries;
  assert.deepEqual([identified.status, identified.user, identified.ref], ["authenticated", "alice", 1]);
  assert.ok(identified.expires_in > 3500 && identified.expires_in <= 3601, `expires in ${identified.expires_in}`);
  assert.equal(subscribed.status, "subscribed");
});

test("a bad line is answered as an error, and the connection lives on", async (t) => {
  const socket = await plainSocket(t, address("/ws"));
  socket.send("this is no JSON");
  socket.say({ action: "ping", ref: 1 });
  await socket.frames.untilCount(2);
  assert.deepEqual([socket.frames.entries[0].error.code, socket.frames.entries[1].action], [107, "pong"]);
});
