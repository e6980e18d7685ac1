/**
 * The chat page: wires the gateway's client to what is on screen. The wire is in `hubbub.js`, the scrollback of a room
 * in `timeline.js`. What the page knows of itself is on `document.body.dataset`, for tests and for the style sheet.
 */

import { avatar, make, nameNode } from './entry.js';
import { Hubbub } from './hubbub.js';
import { Timeline } from './timeline.js';

const FIRST_ROOMS = ['public:lobby', 'public:random', 'public:help'];
const MAX_ROOMS = 20; // what a list can show, and far below the 128 subscriptions of a connection
const HISTORY = 50; // messages fetched on joining: about two screens
const GAP = 'this page was away for longer than the server keeps history';
const ANEW = 'the server was restarted; what is above is kept on this page only';

const $ = (id) => document.getElementById(id);
const page = document.body.dataset;
const hub = new Hubbub();
const rooms = new Map(); // name -> {name, timeline, unread, members, status, button}
const ownClients = new Set(); // ids of all connections of this page: messages from any of them are ours
let current = null;
let name = '';

// --- what is remembered in this browser: a name, a list of rooms; a browser that refuses storage only forgets them -----

const remembered = (key) => { try { return JSON.parse(localStorage.getItem(`hubbub.${key}`)); } catch { return null; } };
const remember = (key, value) => { try { localStorage.setItem(`hubbub.${key}`, JSON.stringify(value)); } catch { /* full or forbidden */ } };
const rememberRooms = () => remember('rooms', [...rooms.keys()]);

// --- rooms ------------------------------------------------------------------------------------------------------------

function addRoom(roomName) {
  const timeline = new Timeline(roomName, { resend: (item) => send(room, item) });
  const button = make('button', 'room', make('span', 'name', short(roomName)), make('span', 'unread'));
  const room = { name: roomName, timeline, button, unread: 0, members: [], status: null };
  Object.assign(button, { type: 'button', onclick: () => show(room) });
  Object.assign(button.dataset, { room: roomName, unread: 0 });
  rooms.set(roomName, room);
  $('rooms').append(make('li', '', button, FIRST_ROOMS.includes(roomName) ? null : leaveButton(room)));
  timeline.node.hidden = true;
  $('timelines').append(timeline.node);
  if (name) join(room);
  return room;
}

function leaveButton(room) {
  const button = make('button', 'plain leave', '×');
  Object.assign(button, { type: 'button', title: `Leave ${room.name}`, onclick: () => removeRoom(room) });
  button.setAttribute('aria-label', `Leave ${room.name}`);
  return button;
}

function removeRoom(room) {
  rooms.delete(room.name);
  hub.leave(room.name).catch(() => {}); // without a connection there is no membership to end
  room.button.parentNode.remove();
  room.timeline.node.remove();
  rememberRooms();
  if (current === room) show(rooms.values().next().value);
}

function join(room) {
  hub.join(room.name, { info: { name } }).catch(() => {}); // `refused` tells, or the next connection joins
}

function show(room) {
  current = room;
  for (const other of rooms.values()) {
    other.timeline.node.hidden = other !== room;
    other.button.setAttribute('aria-current', other === room);
  }
  page.room = room.name;
  history.replaceState(null, '', `#${encodeURIComponent(room.name)}`);
  $('room-title').textContent = short(room.name);
  $('room-note').textContent = room.name;
  $('draft').placeholder = `Message ${short(room.name)}`;
  $('crash-outcome').textContent = '';
  setUnread(room, 0);
  room.timeline.follow();
  drawPeople();
  drawStatus();
}

const short = (roomName) => roomName.replace(/^public:/, '');

function setUnread(room, count) {
  room.unread = count;
  room.button.dataset.unread = count;
  const badge = room.button.querySelector('.unread');
  badge.textContent = count ? (count > 99 ? '99+' : count) : '';
  badge.setAttribute('aria-label', count ? `${count} unread` : '');
  const all = [...rooms.values()].reduce((sum, { unread }) => sum + unread, 0);
  document.title = all ? `(${all}) hubbub` : 'hubbub';
}

// --- messages ---------------------------------------------------------------------------------------------------------

function say(room, text) {
  const isFirst = room.timeline.pending('waiting').length === 0; // what waits already is said before it
  const item = room.timeline.addPending({ id: newId(), name, text, state: 'waiting' });
  if (room.isOut || (hub.state === 'connected' && isFirst)) send(room, item);
}

/** Sends or sends again: the id lets the server drop a copy of what had arrived before the connection broke. */
async function send(room, item) {
  room.timeline.fail(item, { state: 'sending', trouble: null });
  try {
    const reply = await hub.publish(room.name, 'message', { text: item.text, name: item.name, id: item.id }, { id: item.id });
    room.timeline.confirm(item, { offset: reply.offset, epoch: reply.epoch ?? room.epoch });
  } catch (error) {
    // what the server has closed us for, such as a message too big, is not sent again unasked
    const isForNow = ['disconnected', 'shutting_down'].includes(error.reason) && hub.state !== 'closed' && !room.isOut;
    const state = isForNow ? 'waiting' : 'failed';
    room.timeline.fail(item, { state, trouble: state === 'failed' ? words(error) : null });
  }
}

function words({ reason, message, retryAfter }) {
  if (reason === 'disconnected' && message !== reason) return `not confirmed: ${message}`; // it was under way
  const what = reason === 'timeout' ? 'not confirmed: no reply from the server' : `not sent: ${reason.replaceAll('_', ' ')}`;
  if (retryAfter !== null) return `${what}, try again in ${retryAfter.toFixed(1).replace(/\.0$/, '')}\u00a0s`;
  return message && message !== reason && reason !== 'timeout' ? `${what} (${message})` : what;
}

function onMessage(room, { payload, offset, epoch, time, sender }, live) {
  const text = typeof payload?.text === 'string' ? payload.text : JSON.stringify(payload); // other clients say other things
  const mine = ownClients.has(sender?.client);
  const author = shown(payload?.name) || shown(sender?.user) || 'somebody';
  const fresh = room.timeline.addMessage({ id: payload?.id, name: author, text, time, offset, epoch, mine });
  if (live && fresh && !mine && (room !== current || document.hidden)) setUnread(room, room.unread + 1);
}

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function fetchHistory(room) {
  const log = room.timeline.node.querySelector('[role=log]');
  log.setAttribute('aria-busy', 'true'); // old messages are for reading, not for reading out
  try {
    const { events, epoch } = await hub.history(room.name, { limit: HISTORY });
    const said = events.filter(({ event }) => event === 'message');
    for (const event of said) onMessage(room, { epoch, ...event }, false);
    room.hasHistory = true;
  } catch (error) {
    if (error.reason !== 'disconnected') room.timeline.addNotice(`history is not available: ${error.message}`, 'trouble');
  } finally {
    requestAnimationFrame(() => log.removeAttribute('aria-busy')); // by then they are drawn
  }
}

// --- what the gateway tells -------------------------------------------------------------------------------------------

function onJoined({ room: roomName, reply, again, anew }) {
  const room = rooms.get(roomName);
  if (!room) return;
  askStatus(room);
  room.epoch = reply.epoch;
  if (!again) room.timeline.startEra(reply.epoch, reply.offset);
  if (again && reply.recovered) tellRecovered(room, reply.missed ?? 0);
  else if (again && !anew) room.timeline.addDivider('gap', 'Some messages are missing here', GAP);
  room.isOut = false;
  if (!reply.recovered) room.hasHistory = false;
  if (!room.hasHistory) fetchHistory(room); // also where the answer to the last question was lost with its connection
  room.timeline.node.dataset.joined = true;
  if (room === current) tellCut(again ? recoveredWords(reply) : '', again && !reply.recovered);
}

function tellRecovered(room, missed) {
  if (room.renaming) room.renaming = false;
  else if (missed || room === current) room.timeline.addNotice(recoveredWords({ recovered: true, missed }), 'recovery');
}

function tellCut(words, isLoss = false) {
  $('cut-outcome').textContent = words;
  $('cut-outcome').dataset.loss = isLoss;
}

function recoveredWords({ recovered, missed = 0 }) {
  if (!recovered) return 'back again, without what was missed';
  return missed ? `back again, recovered ${missed} message${missed === 1 ? '' : 's'}` : 'back again, nothing was missed';
}

function onEpoch({ room: roomName, to }) {
  const room = rooms.get(roomName);
  if (!room) return;
  room.epoch = to;
  room.timeline.startEra(to, 0);
  room.timeline.addDivider('epoch', 'History begins anew', ANEW);
}

/** What was under way when the connection broke, and did not turn up among the missed events, never arrived. */
function onCaughtUp({ room: roomName }) {
  const room = rooms.get(roomName);
  for (const item of room?.timeline.pending('waiting') ?? []) send(room, item);
}

function onEvent(frame) {
  const room = rooms.get(frame.room);
  if (!room) return;
  if (frame.event === 'message' && frame.offset !== undefined) onMessage(room, frame, true);
  // only the room itself speaks of its restarts: an event with a sender is somebody pretending
  if (frame.event === 'room_status' && !frame.sender?.client) onStatus(room, frame.payload);
}

/** How the room's code is; a room without code has nothing to say. */
function askStatus(room) {
  const told = ({ payload }) => payload?.restarts !== undefined && onStatus(room, payload);
  hub.publish(room.name, 'status', null).then(told, () => {});
}

function onStatus(room, status) {
  const crashed = room.status && status.restarts > room.status.restarts;
  room.status = status;
  if (crashed) room.timeline.addNotice(`the room's code crashed and was restarted, incarnation ${status.incarnation}`, 'crash');
  if (room !== current) return;
  drawStatus();
  if (crashed) pulse($('supervision'));
}

function onPresence({ room: roomName, members, joins, leaves, reset }) {
  const room = rooms.get(roomName);
  if (!room) return;
  const [before, after] = [counted(room.members), counted(members)];
  room.members = members;
  if (!reset) {
    for (const who of new Set(joins.map(nameOf))) if (!before.has(who) && after.has(who)) room.timeline.addNotice(`${who} joined`);
    for (const who of new Set(leaves.map(nameOf))) if (before.has(who) && !after.has(who)) room.timeline.addNotice(`${who} left`);
  }
  if (room === current) drawPeople();
}

/** Out of a room for good: who is there is not known any more, and nothing that is said there waits. */
function onOut(roomName, words) {
  const room = rooms.get(roomName);
  if (!room) return;
  Object.assign(room, { isOut: true, members: [] });
  room.timeline.addNotice(words, 'trouble');
  for (const item of room.timeline.pending('waiting')) send(room, item);
  if (room === current) drawPeople();
}

const nameOf = ({ info, user, client }) => shown(info?.name) || shown(user) || `guest ${client.slice(0, 4)}`;

/**
 * What strangers call themselves, as far as it can be shown; empty if it is no text, which `String` may even throw for.
 * Without the marks that would turn round what stands behind a name (Unicode's bidirectional overrides and isolates).
 */
function shown(called) {
  const text = typeof called === 'string' ? called.replace(/[\u202a-\u202e\u2066-\u2069]/g, '').trim() : '';
  return [...text].slice(0, 40).join('');
}

/** name -> number of connections: several tabs of one person are one person. */
function counted(members) {
  const counts = new Map();
  for (const entry of members) counts.set(nameOf(entry), (counts.get(nameOf(entry)) ?? 0) + 1);
  return counts;
}

function onHello({ client }) {
  if (client) ownClients.add(client);
  page.client = client ?? '';
  page.connects = Number(page.connects ?? 0) + 1;
  for (const node of document.querySelectorAll('.client-id')) node.textContent = client ?? 'unknown';
}

// --- drawing ----------------------------------------------------------------------------------------------------------

function drawPeople() {
  const people = [...counted(current.members)].sort(([a], [b]) => (b === name) - (a === name) || a.localeCompare(b));
  $('people').replaceChildren(...people.map(([who, tabs]) => person(who, tabs)));
  $('here-count').textContent = $('here-count-panel').textContent = page.people = people.length;
}

function person(who, tabs) {
  const node = make('li', '', avatar(who), nameNode('span', 'who', who), who === name ? make('span', 'you', 'you') : null,
    tabs > 1 ? make('span', 'tabs', `×${tabs}`) : null);
  node.dataset.name = who;
  node.dataset.tabs = tabs;
  return node;
}

function drawStatus() {
  const { restarts = 0, incarnation = 1 } = current.status ?? {};
  $('restarts').textContent = page.restarts = restarts;
  $('restarts-word').textContent = `restart${restarts === 1 ? '' : 's'} of this room's code`;
  $('incarnation').textContent = `incarnation ${incarnation}`;
}

function pulse(node) {
  node.dataset.pulse = 'false';
  void node.offsetWidth; // starts the animation over
  node.dataset.pulse = 'true';
}

let connection = { state: 'closed', retryAt: null, reason: '', code: null };

function onState(detail) {
  connection = detail;
  page.state = detail.state;
  const ended = detail.state === 'closed';
  if (detail.state !== 'connected') $('crash-outcome').textContent = $('cut-outcome').textContent = '';
  $('banner').hidden = !ended;
  $('banner-text').textContent = `The server closed the connection: ${detail.reason || 'no reason given'} (${detail.code}).`;
  $('cut').disabled = $('crash').disabled = detail.state !== 'connected';
  drawState();
}

function drawState() {
  const { state, retryAt } = connection;
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
  const texts = { connected: 'connected', connecting: 'connecting…', offline: 'offline', closed: 'disconnected' };
  write('state-text', texts[state] ?? 'reconnecting');
  write('state-in', state === 'reconnecting' ? ` in ${seconds} s` : ''); // hidden from who listens: it says each second
}

function write(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

// --- what people do ---------------------------------------------------------------------------------------------------

async function crash() {
  const room = current;
  $('crash-outcome').textContent = 'the room is being crashed…';
  let outcome = 'the room did not crash: its code has no such fault';
  try {
    await hub.publish(room.name, 'crash', {});
  } catch (error) {
    outcome = error.reason === 'internal' ? 'the room crashed and was restarted, as expected' : words(error);
  }
  if (room === current) $('crash-outcome').textContent = outcome;
}

function cut() {
  hub.cut();
  tellCut('cut; coming back…');
}

function submitDraft() {
  const text = $('draft').value.trim();
  if (!text) return;
  say(current, text);
  $('draft').value = '';
  fitDraft();
}

function fitDraft() {
  $('draft').style.height = 'auto';
  $('draft').style.height = `${$('draft').scrollHeight + 2}px`;
}

function joinTyped() {
  const typed = $('join-field').value.trim().replace(/^public:/, '');
  const problem = !/^[^\s,"]{1,100}$/.test(typed) ? 'a name without spaces, commas and quotes'
    : rooms.size >= MAX_ROOMS && !rooms.has(`public:${typed}`) ? `at most ${MAX_ROOMS} rooms; leave one first` : '';
  $('join-problem').textContent = problem;
  if (problem) return;
  show(rooms.get(`public:${typed}`) ?? addRoom(`public:${typed}`));
  rememberRooms();
  $('join-field').value = '';
  $('draft').focus();
}

function takeName() {
  const chosen = shown($('name-field').value.replace(/\s+/g, ' '));
  if (!chosen) return;
  $('name-dialog').close();
  const before = name;
  setName(chosen);
  if (before && before !== chosen) rename();
  else if (!before) start();
  $('draft').focus();
}

function setName(chosen) {
  name = chosen;
  remember('name', name);
  $('my-name').textContent = name;
  $('my-avatar').replaceChildren(avatar(name));
}

/** Presence learns a name on joining, so a new one means leaving and joining; the position makes it seamless. */
function rename() {
  for (const room of rooms.values()) {
    room.renaming = hub.state === 'connected';
    hub.leave(room.name, { keepPosition: true }).catch(() => {}); // requests keep their order, no need to wait
    join(room);
  }
}

function askName() {
  $('name-field').value = name;
  $('name-save').textContent = name ? 'Use this name' : 'Start talking';
  $('name-dialog').showModal();
  $('name-field').select();
}

async function copyClient({ currentTarget: button }) {
  const id = hub.client ?? '';
  const done = await navigator.clipboard?.writeText(id).then(() => true, () => false);
  button.textContent = done ? 'Copied' : 'Select it';
  if (!done) getSelection().selectAllChildren(button.parentNode.querySelector('.client-id'));
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}

function openPanel(open) {
  page.panel = open ? 'open' : 'closed';
  $('panel-toggle').setAttribute('aria-expanded', open);
  $('veil').hidden = !open;
  (open ? $('panel-close') : $('panel-toggle')).focus();
}

const onSubmit = (id, act) => $(id).addEventListener('submit', (event) => { event.preventDefault(); act(); });

function listen() {
  onSubmit('composer', submitDraft);
  onSubmit('join-form', joinTyped);
  onSubmit('name-form', takeName);
  $('name-dialog').addEventListener('cancel', (event) => !name && event.preventDefault());
  $('draft').addEventListener('input', fitDraft);
  $('draft').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submitDraft();
  });
  $('crash').addEventListener('click', crash);
  $('cut').addEventListener('click', cut);
  document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); $('draft').focus(); });
  $('rename').addEventListener('click', askName);
  $('connect-again').addEventListener('click', () => hub.connect());
  $('panel-toggle').addEventListener('click', () => openPanel(page.panel !== 'open'));
  $('panel-close').addEventListener('click', () => openPanel(false));
  $('veil').addEventListener('click', () => openPanel(false));
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && page.panel === 'open' && openPanel(false));
  document.addEventListener('visibilitychange', () => !document.hidden && current && setUnread(current, 0));
  for (const button of document.querySelectorAll('.copy')) button.addEventListener('click', copyClient);
  setInterval(drawState, 250);
}

const refusal = ({ message }) => (message.startsWith('cannot') ? message : `cannot join: ${message.replaceAll('_', ' ')}`);

hub.on('state', onState).on('hello', onHello).on('joined', onJoined).on('caught_up', onCaughtUp).on('event', onEvent)
  .on('epoch', onEpoch).on('presence', onPresence)
  .on('refused', ({ room, error }) => onOut(room, refusal(error)))
  .on('removed', ({ room, reason }) => onOut(room, `removed from this room: ${reason}`));

function start() {
  for (const room of rooms.values()) join(room);
  hub.connect();
}

/** What the address says behind the `#`; empty if it is not encoded as addresses are, as in `#100%`. */
function linkedRoom() {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return ''; }
}

function open() {
  listen();
  const linked = linkedRoom();
  const known = remembered('rooms');
  const wished = [...FIRST_ROOMS, ...(Array.isArray(known) ? known : []), linked].filter((room) => /^public:[^\s,"]{1,100}$/.test(room));
  for (const roomName of [...new Set(wished)].slice(0, MAX_ROOMS)) addRoom(roomName);
  show(rooms.get(linked) ?? rooms.get(FIRST_ROOMS[0]));
  const lastName = shown(remembered('name'));
  if (!lastName) return askName();
  setName(lastName);
  start();
}

open();
