// The Phoenix client, with short delays and a socket that it does not bring along.

import { Presence, Socket } from "phoenix";
import WebSocket from "ws";
import { address } from "./gateway.mjs";
import { Journal, within } from "./waiting.mjs";

export { Presence };

/** Milliseconds: 10 to 5,000 by default for the socket, 1,000 to 10,000 for a channel. */
const IMPATIENT = { transport: WebSocket, reconnectAfterMs: () => 5, rejoinAfterMs: () => 20, timeout: 5000 };

/** A socket that is connecting, with journals of what happened to it; it disconnects when the test ends. */
export function socketOf(t, { through, ...options } = {}) {
  const socket = new Socket(address("/socket", through), { ...IMPATIENT, ...options });
  socket.opened = new Journal();
  socket.closed = new Journal();
  socket.failed = new Journal();
  socket.onOpen(() => socket.opened.add("open"));
  socket.onClose(({ code, reason }) => socket.closed.add({ code, reason }));
  socket.onError((error) => socket.failed.add(error?.message ?? "error"));
  socket.connect();
  t.after(() => {
    for (const channel of socket.channels) channel.rejoinTimer.reset(); // disconnect leaves these timers running
    socket.disconnect();
  });
  return socket;
}

/** What came of a push or a join: `{ status, response }`. */
export function answerTo(push) {
  const answered = new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"]) {
      push.receive(status, (response) => resolve({ status, response }));
    }
  });
  return within(answered, `an answer to ${push.event}`);
}

/** A channel that is joined, with the answer in `joined`; fails if it was refused. */
export async function joined(socket, topic, params) {
  const channel = socket.channel(topic, params);
  channel.joined = await answerTo(channel.join());
  if (channel.joined.status !== "ok") throw new Error(`could not join ${topic}: ${JSON.stringify(channel.joined)}`);
  return channel;
}

/**
 * A channel by the recipe of our convention: params as a function that names the last position, and a hook that stores
 * each one. It is joining.
 *
 * @returns a channel with `returns`, a journal of what the server said of each join in `gw`.
 */
export function recovering(socket, topic, position) {
  const channel = socket.channel(topic, () => ({ gw: { meta: true, ...(position && { since: position }) } }));
  channel.onMessage = (_, payload) => {
    if (payload?.gw?.offset) position = payload.gw;
    return payload;
  };
  channel.returns = new Journal();
  channel.join().receive("ok", ({ gw }) => {
    if (!position) position = { offset: gw.offset, epoch: gw.epoch };
    channel.returns.add(gw);
  });
  return channel;
}

/** A journal of the payloads of one event. */
export function payloadsOf(channel, event, shown = (payload) => payload) {
  const journal = new Journal();
  channel.on(event, (payload) => journal.add(shown(payload)));
  return journal;
}

/** A journal of one kind of a channel's ends: `phx_close` or `phx_error`. */
export const endsOf = (channel, event) => payloadsOf(channel, event, () => event);

/** What a presence shows: for each key how many metas it has, sorted. */
export const countsOf = (presence) => presence.list((key, { metas }) => [key, metas.length]).sort();

/** Waits until a presence shows that. */
export function untilPresent(presence, expected) {
  const wanted = JSON.stringify([...expected].sort());
  const seen = new Journal();
  presence.onSync(() => seen.add(countsOf(presence)));
  seen.add(countsOf(presence));
  return seen.until((all) => JSON.stringify(all.at(-1)) === wanted, `the presence ${wanted}`);
}
