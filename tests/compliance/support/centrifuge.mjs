// The Centrifuge client, with short delays and a socket that it does not bring along.

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";
import { address } from "./gateway.mjs";
import { journalOf, next } from "./waiting.mjs";

export { Centrifuge };

/** Milliseconds; the defaults are 500 and 20,000. Two lines in which a test that reconnects 20 times is fast. */
const IMPATIENT = { minReconnectDelay: 5, maxReconnectDelay: 50, timeout: 5000, websocket: WebSocket };
const IMPATIENT_SUBSCRIPTION = { minResubscribeDelay: 5, maxResubscribeDelay: 50 };

/** A client that is not connected yet; it disconnects when the test ends. */
export function clientOf(t, { through, ...options } = {}) {
  const client = new Centrifuge(address("/connection/websocket", through), { ...IMPATIENT, ...options });
  t.after(() => client.disconnect());
  return client;
}

/** A connected client; with what the server said of the connection in `connected`. */
export async function connectedClient(t, options) {
  const client = clientOf(t, options);
  const connected = next(client, "connected");
  client.connect();
  client.connected = await connected;
  return client;
}

/** A subscription that is not subscribed yet. */
export function subscriptionOf(client, channel, options = {}) {
  return client.newSubscription(channel, { ...IMPATIENT_SUBSCRIPTION, ...options });
}

/** A subscription, subscribed: with what the server said in `subscribed`, and the publications in `received`. */
export async function subscribed(client, channel, options) {
  const subscription = subscriptionOf(client, channel, options);
  subscription.received = journalOf(subscription, "publication");
  const done = next(subscription, "subscribed");
  subscription.subscribe();
  subscription.subscribed = await done;
  return subscription;
}

/** The data of each publication. */
export const dataOf = (journal) => journal.entries.map((one) => one.data);
/** The offset of each publication. */
export const offsetsOf = (journal) => journal.entries.map((one) => one.offset);
