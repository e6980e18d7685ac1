/**
 * The client of Centrifuge, as it comes from npm, and what this page does with it. Nothing here knows of recovery but
 * three words: the subscription asks for `recoverable`, and a reply says `wasRecovering` and `recovered`.
 */

import { AWAY, Board, myName } from './look/board.js';

let socket = null;

/** The browser's own WebSocket. It only makes itself known, so that it can be cut underneath the client. */
class Cuttable extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
  }
}

const name = myName();
const board = new Board(document.getElementById('board'), {
  cut: () => socket?.close(4000, 'cut on the page'),
  write: (text) => subscription.publish({ text }),
});

const centrifuge = new globalThis.Centrifuge(`${location.origin.replace('http', 'ws')}/connection/websocket`, {
  websocket: Cuttable,
  data: { name },
  minReconnectDelay: AWAY, // so that something is missed; by default it is back within half a second
  maxReconnectDelay: AWAY + 1000,
});
const subscription = centrifuge.newSubscription('public:board', { recoverable: true, positioned: true, joinLeave: true });
const people = new Map();
let catchingUp = false;
let begun = false; // a connection may be lost with the answer

centrifuge.on('connected', () => board.connected());
centrifuge.on('connecting', () => board.connecting());
centrifuge.on('disconnected', ({ reason }) => board.closed(reason));

subscription.on('publication', ({ data, offset }) => board.add({ ...data, offset, recovered: catchingUp }));

subscription.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
  board.stream(streamPosition.epoch);
  catchingUp = recovered; // the missed publications follow in this very turn
  queueMicrotask(() => {
    catchingUp = false;
    if (wasRecovering) board.back(recovered);
  });
  if (!recovered) begun = false;
  ask().catch(() => {}); // without a connection the next subscription asks again
});

async function ask() {
  const { clients } = await subscription.presence();
  people.clear();
  for (const one of Object.values(clients)) people.set(one.client, one);
  showPeople();
  if (begun) return;
  const { publications } = await subscription.history({ limit: 30, reverse: true });
  board.begin(publications.map(({ data, offset }) => ({ ...data, offset })));
  begun = true;
}

subscription.on('join', ({ info }) => { people.set(info.client, info); showPeople(); });
subscription.on('leave', ({ info }) => { people.delete(info.client); showPeople(); });
subscription.on('error', ({ error }) => board.say(error.message));
subscription.on('unsubscribed', ({ reason }) => board.closed(reason));

function showPeople() {
  board.people([...people.values()].map(({ client, connInfo }) => connInfo?.name ?? client.slice(0, 8)), name);
}

subscription.subscribe();
centrifuge.connect();
