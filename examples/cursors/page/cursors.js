/**
 * Shared cursors over the native wire. A position is ephemeral: no offset, no history, and of two that wait for the same
 * reader only the later one counts. Each is numbered by who sends it, so a hole in the numbers is a position skipped.
 *
 * What the page knows of itself is on `document.body.dataset`, for tests and for the style sheet.
 */

import { Hubbub } from './assets/hubbub.js';
import { Stage } from './stage.js';

const ROOM = 'cursors';
const PACE = 40; // milliseconds between two positions of ours: 25 a second, half of what a connection may send
const ROBOTS = 24;
const STEP = 0.02; // of the stage, for one press of an arrow key
const FAST = 5; // times that, with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LOST = 'The connection is lost. This page comes back by itself.';
const CLOSED = 'The server has closed the connection. Load the page again to come back.';
const COLOURS = { red: 0, orange: 28, olive: 62, green: 120, teal: 172, blue: 215, violet: 265, pink: 325 };

const $ = (id) => document.getElementById(id);
const page = document.body.dataset;
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const [colour, hue] = pick(Object.entries(COLOURS));
const me = { hue, name: `${colour} ${pick(['comet', 'heron', 'kite', 'lynx', 'otter', 'swift'])}` };

const hub = new Hubbub();
const stage = new Stage($('stage'));
const people = new Map(); // client -> {name, hue}
const numbers = new Map(); // pointer -> its last number
let [read, skipped] = [0, 0];
let [mine, number, timer] = [null, 0, 0];
let out = ''; // why this page is not in the room
let guests = { robots: false, slow: false };

// --- where we are

function onMove(event) {
  const box = $('stage').getBoundingClientRect();
  stage.remove('me'); // who has a mouse sees where it is
  moveTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}

/** From the middle of the stage, or from where the mouse was last. */
function onKey(event) {
  const step = ARROWS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const [right, down] = step.map((one) => one * STEP * (event.shiftKey ? FAST : 1));
  const { x, y } = mine ?? { x: 0.5, y: 0.5 };
  moveTo(x + right, y + down);
  stage.move('me', mine, { name: 'you', hue });
}

/** Parts of the stage; what is outside of it is at its edge. */
function moveTo(x, y) {
  const [inX, inY] = [x, y].map((part) => Math.min(1, Math.max(0, part)));
  mine = { x: inX, y: inY };
  $('invitation').hidden = true;
  if (!timer) tell();
}

/** At once, and then not before `PACE` has passed; the last position of a movement is always told. */
function tell() {
  const told = mine;
  if (hub.state === 'connected' && told) hub.publish(ROOM, 'at', { ...told, n: ++number }).catch(() => {});
  timer = setTimeout(() => {
    timer = 0;
    if (mine !== told) tell();
  }, PACE);
}

function tellAgain() {
  if (!mine) return;
  mine = { ...mine };
  if (!timer) tell();
}

// --- where the others are

function onEvent({ event, payload, sender }) {
  if (event === 'at') see(sender.client, payload);
  if (event === 'robot') see(`robot ${payload.robot}`, payload);
  if (event === 'guests') onGuests(payload);
  if (event === 'seen') onSeen(payload);
}

/** Nobody, if it has left. */
function who(pointer) {
  if (!pointer.startsWith('robot ')) return people.get(pointer);
  return guests.robots && { name: pointer, hue: Number(pointer.slice(6)) * 360 / ROBOTS, robot: true };
}

function see(pointer, { x, y, n }) {
  const shown = who(pointer);
  if (!shown) return; // their last words
  const last = numbers.get(pointer) ?? n - 1;
  skipped += Math.max(0, n - last - 1);
  read += 1;
  numbers.set(pointer, n);
  stage.move(pointer, { x, y }, shown);
}

function onSeen({ read: count, skipped: missed, late, at }) {
  if (!guests.slow) return;
  $('slow-read').textContent = count.toLocaleString('en');
  $('slow-skipped').textContent = missed.toLocaleString('en');
  page.slowSkipped = missed;
  $('outcome').textContent = `${late.toFixed(1)} s behind${missed ? `, ${Math.round(100 * missed / (count + missed))} % never sent to it` : ''}`;
  const shown = Object.entries(at).map(([pointer, place]) => [pointer, place, who(pointer)]);
  stage.rings(shown.filter(([, , one]) => one).map(([pointer, place, one]) => [pointer, place, one.hue]));
}

function onGuests(now) {
  if (!now.slow) {
    $('slow-read').textContent = $('slow-skipped').textContent = '–';
    $('outcome').textContent = '';
    stage.rings([]);
  }
  if (!now.robots) for (let one = 0; one < ROBOTS; one += 1) forget(`robot ${one}`);
  guests = now;
  $('robots').checked = now.robots;
  $('slow').checked = now.slow;
}

function forget(pointer) {
  stage.remove(pointer);
  numbers.delete(pointer);
}

// --- who is here

function onPresence({ members, joins, leaves }) {
  const here = members.filter(({ info }) => !info?.reader);
  people.clear();
  for (const { client, info } of here) people.set(client, described(info));
  for (const { client } of leaves) if (!people.has(client)) forget(client);
  $('count').textContent = page.people = here.length;
  $('people').replaceChildren(...here.map(({ client }) => personNode(client, people.get(client))));
  if (joins.some(({ client }) => client !== hub.client)) tellAgain(); // who is new does not know where we are
}

/** Strangers may have joined with any JSON. */
function described(info) {
  const { name, hue } = info ?? {};
  return { name: (typeof name === 'string' && name.slice(0, 24)) || 'somebody', hue: Number.isFinite(hue) ? hue : 0 };
}

function personNode(client, { name, hue }) {
  const node = document.createElement('li');
  const [face, label] = ['i', 'span'].map((tag) => document.createElement(tag));
  face.style.setProperty('--hue', hue);
  label.textContent = client === hub.client ? `${name} (you)` : name;
  node.append(face, label);
  return node;
}

// --- the connection

function onState({ state }) {
  page.state = state;
  const texts = { connected: 'connected', connecting: 'connecting…', offline: 'offline', closed: 'disconnected' };
  $('state').textContent = texts[state] ?? 'reconnecting…';
  if (state !== 'connecting') $('away').textContent = { connected: out, closed: CLOSED }[state] ?? LOST;
  if (state === 'connected') return;
  $('robots').disabled = $('slow').disabled = true; // until we have joined again
  stage.clear();
  numbers.clear(); // what others did while we were away was not skipped: we were not there
}

/** Over the stage for as long as this page is open: it does not come back by itself. */
function onOut(words) {
  out = words;
  $('away').textContent = words;
  $('robots').disabled = $('slow').disabled = true;
  stage.clear();
  onPresence({ members: [], joins: [], leaves: [] });
}

function onJoined(now) {
  $('robots').disabled = $('slow').disabled = false;
  onGuests(now);
  tellAgain();
}

function want(event, value) {
  $('problem').textContent = '';
  hub.publish(ROOM, event, value).catch((error) => {
    $('problem').textContent = error.message;
    onGuests(guests);
  });
}

setInterval(() => {
  $('read').textContent = read.toLocaleString('en');
  $('skipped').textContent = skipped.toLocaleString('en');
  [page.read, page.skipped] = [read, skipped];
}, 200);

hub.on('state', onState).on('event', onEvent).on('presence', onPresence)
  .on('joined', ({ reply }) => onJoined(reply.response))
  .on('refused', ({ error }) => onOut(`This page is not admitted: ${error.message}`))
  .on('removed', ({ reason }) => onOut(`This page was put out: ${reason}`));
$('stage').addEventListener('pointermove', onMove);
$('stage').addEventListener('pointerdown', onMove);
$('stage').addEventListener('keydown', onKey);
$('robots').addEventListener('change', ({ target }) => want('robots', target.checked));
$('slow').addEventListener('change', ({ target }) => want('slow', target.checked));
hub.join(ROOM, { info: me }).catch(() => {});
hub.connect();
