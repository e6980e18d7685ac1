// A topic with a member on each wire, each played by a real client of that wire, all with the same few acts.

import { randomBytes } from "node:crypto";
import { connectedClient, subscribed } from "./centrifuge.mjs";
import { address, tokenOf } from "./gateway.mjs";
import { answerTo, payloadsOf, Presence, recovering, socketOf } from "./phoenix.mjs";
import { plainSocket } from "./plain.mjs";
import { Journal, journalOf, within } from "./waiting.mjs";

export const MIXED_PORT = Number(process.env.GATEWAY_MIXED_PORT);

/** Also the user's name of each member. */
export const WIRES = ["raw", "native", "centrifuge", "phoenix"];

const bearer = (user) => ({ headers: { Authorization: `Bearer ${tokenOf({ sub: user })}` } });

/**
 * Members on all wires, joined one after the other; each has `publish(payload)`, `leave()`, and `heard`, a journal of
 * `{ from, n, offset }`. All but the raw one have `history()` and tell of presence.
 *
 * @param {object} through - The ports of proxies, by wire, for the clients that come back by themselves.
 */
export async function room(t, through = {}) {
  const name = randomBytes(6).toString("hex");
  const topic = `public:${name}`;
  const native = await nativeMember(t, topic);
  const centrifuge = await centrifugeMember(t, topic, through.centrifuge);
  const phoenix = await phoenixMember(t, topic, through.phoenix);
  const raw = await rawMember(t, name);
  await native.arrived.until((all) => all.some(([user]) => user === "raw"), "the raw member to be there");
  phoenix.id = native.arrived.entries.find(([user]) => user === "phoenix")[1];
  return { raw, native, centrifuge, phoenix };
}

async function rawMember(t, name) {
  const socket = await plainSocket(t, address(`/raw/${name}`, MIXED_PORT), bearer("raw"));
  const heard = journalOfFrames(socket, (frame) => frame);
  return {
    id: socket.connection,
    heard,
    frames: socket.frames,
    publish: async (payload) => socket.say(payload),
    leave: () => socket.close(),
  };
}

async function nativeMember(t, topic) {
  const socket = await plainSocket(t, address("/ws", MIXED_PORT), bearer("native"));
  const { ask, pushed } = asking(socket);
  const [events, gone, arrived] = [new Journal(), new Journal(), new Journal()];
  const heard = new Journal();
  pushed((frame) => {
    if (frame.action === "event") {
      events.add(frame);
      heard.add({ ...frame.payload, offset: frame.offset });
    }
    for (const { user } of frame.leaves ?? []) gone.add(user);
    for (const { user, client } of frame.joins ?? []) arrived.add([user, client]);
  });
  await ask({ action: "subscribe", channel: topic, presence: true });
  return {
    id: socket.connection,
    heard, events, gone, arrived,
    sendText: (text) => socket.send(text.replace("TOPIC", topic)),
    publish: (payload, event = "message", options = {}) => ask({ action: "publish", channel: topic, payload, event, ...options }),
    leave: () => socket.close(),
    presence: async () => (await ask({ action: "presence", channel: topic })).members.map(({ user, client }) => [user, client]),
    history: async () => {
      const { events: kept, offset, epoch } = await ask({ action: "history", channel: topic });
      return { offset, epoch, messages: kept.map((one) => ({ ...one.payload, offset: one.offset })) };
    },
  };
}

async function centrifugeMember(t, topic, through = MIXED_PORT) {
  const client = await connectedClient(t, { through, token: tokenOf({ sub: "centrifuge" }) });
  const subscription = await subscribed(client, topic, { joinLeave: true });
  const shown = ({ data, offset }) => ({ ...data, offset });
  return {
    id: client.connected.client,
    heard: journalOf(subscription, "publication", shown),
    publications: subscription.received,
    gone: journalOf(subscription, "leave", ({ info }) => info.user),
    interruptions: journalOf(client, "connecting"),
    publish: (payload) => client.publish(topic, payload),
    leave: () => client.disconnect(),
    presence: async () => Object.values((await client.presence(topic)).clients).map(({ user, client: id }) => [user, id]),
    history: async () => {
      const { publications, offset, epoch } = await client.history(topic, { limit: -1 });
      return { offset, epoch, messages: publications.map(shown) };
    },
  };
}

async function phoenixMember(t, topic, through = MIXED_PORT) {
  const socket = socketOf(t, { through, authToken: tokenOf({ sub: "phoenix" }) });
  const channel = recovering(socket, topic);
  const present = new Presence(channel);
  const shown = ({ gw, ...payload }) => ({ ...payload, offset: gw?.offset });
  const member = {
    heard: new Journal(),
    payloads: payloadsOf(channel, "message"),
    present,
    returns: channel.returns,
    publish: async (payload, event = "message") => {
      const { status, response } = await answerTo(channel.push(event, payload));
      if (status !== "ok") throw new Error(`refused: ${JSON.stringify(response)}`);
    },
    leave: () => channel.leave(),
    history: async () => {
      const { response } = await answerTo(channel.push("gw:history", {}));
      const messages = response.messages.map(({ payload, offset }) => ({ ...payload, offset }));
      return { offset: response.offset, epoch: response.epoch, messages };
    },
  };
  for (const event of ["message", "shout"]) channel.on(event, (payload) => member.heard.add(shown(payload)));
  await channel.returns.untilCount(1);
  return member;
}

function journalOfFrames(socket, shown) {
  const journal = new Journal();
  socket.on("message", (data, isBinary) => journal.add(isBinary ? { binary: data } : shown(JSON.parse(data))));
  return journal;
}

/** Commands with a `ref` each and their replies; what has no `ref` is pushed. */
function asking(socket) {
  const [waiting, listeners] = [new Map(), []];
  let last = 0;
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    if (frame.ref === undefined) for (const listener of listeners) listener(frame);
    else waiting.get(frame.ref)?.(frame);
  });
  const ask = async (command) => {
    const ref = (last += 1);
    const answered = new Promise((resolve) => waiting.set(ref, resolve));
    socket.say({ ...command, ref });
    const answer = await within(answered, `an answer to ${command.action}`);
    if (answer.status === "error") throw new Error(`refused: ${JSON.stringify(answer.error)}`);
    return answer;
  };
  return { ask, pushed: (listener) => listeners.push(listener) };
}
