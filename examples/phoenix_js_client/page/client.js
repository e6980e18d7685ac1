/**
 * The client of Phoenix, as it comes from npm, and what this page does with it. Phoenix knows no recovery; what the
 * gateway adds to it stands under the key `gw`, and needs two things of a client, marked (1) and (2).
 */

import { AWAY, Board, myName } from './look/board.js';

const { Presence, Socket } = globalThis.Phoenix;
let transport = null;

/** The browser's own WebSocket. It only makes itself known, so that it can be cut underneath the client. */
class Cuttable extends WebSocket {
  constructor(...args) {
    super(...args);
    transport = this;
  }
}

const name = myName();
const board = new Board(document.getElementById('board'), {
  cut: () => transport?.close(4000, 'cut on the page'),
  write: (text) => answered(channel.push('message', { text })),
});

const socket = new Socket('/socket', {
  params: { name },
  transport: Cuttable,
  reconnectAfterMs: () => AWAY, // so that something is missed; by default it is back at once
});
let position = null; // of the last message: {offset, epoch}
let begun = false; // a connection may be lost with the answer
let caughtUpAt = 0; // the offset up to which everything was missed

// (1) each join asks for positions, and names the last one; phoenix.js calls this function for every rejoin
const channel = socket.channel('public:board', () => ({ gw: { meta: true, ...(position && { since: position }) } }));

// (2) every message says where it stands
channel.onMessage = (event, payload) => {
  if (payload?.gw?.offset) position = payload.gw;
  return payload;
};

channel.on('message', ({ gw, ...message }) => {
  board.add({ ...message, offset: gw.offset, recovered: gw.offset <= caughtUpAt });
  if (gw.offset === caughtUpAt) board.back(true);
});

const isOut = () => channel.state === 'closed'; // for good: the server has said so
const comeBack = () => isOut() || board.connecting();
socket.onOpen(comeBack);
socket.onClose(comeBack);
channel.onClose(() => board.closed('put out of the room'));
channel.join()
  .receive('ok', ({ gw }) => { joined(gw); if (!begun) begin().catch(() => {}); }) // the next join asks again
  .receive('error', ({ reason }) => board.closed(reason));

function joined(gw) {
  const since = position;
  board.connected();
  board.stream(gw.epoch);
  if (gw.recovered) {
    caughtUpAt = gw.offset;
    if (since.offset === gw.offset) board.back(true); // nothing was missed
    return;
  }
  begun = false;
  position = { offset: gw.offset, epoch: gw.epoch };
  if (since) board.back(false);
}

async function begin() {
  const { messages } = await answered(channel.push('gw:history', { limit: 30, reverse: true }));
  board.begin(messages.map(({ payload, offset }) => ({ ...payload, offset })));
  begun = true;
}

const presence = new Presence(channel);
presence.onSync(() => board.people(presence.list((key, { metas }) => metas[0].name ?? key.slice(0, 8)), name));

/** A push as a promise. */
function answered(push) {
  return new Promise((resolve, reject) => push
    .receive('ok', resolve)
    .receive('error', ({ message, reason }) => reject(new Error(message ?? reason)))
    .receive('timeout', () => reject(new Error('no answer'))));
}

socket.connect();
