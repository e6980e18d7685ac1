/**
 * Connect four: draws what the referee says and sends what the player does. The page decides nothing; it does not even
 * know the rules. What it knows of itself is on `document.body.dataset`, for tests and for the style sheet.
 */

import { Hubbub } from './assets/hubbub.js';

const [COLUMNS, ROWS] = [7, 6];
const SIDES = ['red', 'yellow'];
const NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Tony', 'Joe', 'Frances', 'Ken', 'Radia', 'Donald', 'Leslie', 'Margaret', 'Niklaus', 'Carl', 'Robin'];
const LOW = 5; // seconds left at which the clock turns red

const $ = (id) => document.getElementById(id);
const page = document.body.dataset;
const hub = new Hubbub();
const random = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
const kept = (storage, key, make) => { try { return storage[key] ??= make(); } catch { return make(); } };

if (!/^#[\w-]{1,40}$/.test(location.hash)) history.replaceState(null, '', `#${random(3)}`);
const room = `game:${location.hash.slice(1)}`;
const key = takeKey(); // of this tab: a second window is a second player
let name = kept(localStorage, 'hubbub.game.name', () => NAMES[Math.floor(Math.random() * NAMES.length)]);
let out = ''; // why this page is not at the table
let [table, members, zeroAt, isNow] = [null, [], 0, false]; // isNow: whether the table is what the referee has said last

/** Nobody finds it where it was kept while this page is there: a tab that is duplicated has a copy of all that is. */
function takeKey() {
  const taken = kept(sessionStorage, 'game.key', () => random(16));
  const use = (act) => { try { act(); } catch { /* a browser that keeps nothing has nothing to copy */ } };
  const take = () => use(() => sessionStorage.removeItem('game.key'));
  addEventListener('pagehide', () => use(() => { sessionStorage['game.key'] = taken; })); // for a reload, or when it is opened again
  addEventListener('pageshow', take);
  take();
  return taken;
}

// --- the board --------------------------------------------------------------------------------------------------------

const cells = new Array(COLUMNS * ROWS);
const columns = Array.from({ length: COLUMNS }, (_, column) => {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'column', disabled: true });
  button.onclick = () => drop(column);
  for (let row = 0; row < ROWS; row++) {
    const cell = (cells[row * COLUMNS + column] = Object.assign(document.createElement('span'), { className: 'cell' }));
    cell.append(Object.assign(document.createElement('span'), { className: 'disc' }));
    button.append(cell);
  }
  $('board').append(button);
  return button;
});

function onKey(event) {
  if (event.target.matches('input') || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = columns.indexOf(document.activeElement);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) columns[at < 0 ? 3 : (at + step + COLUMNS) % COLUMNS].focus();
  else if (/^[1-7]$/.test(event.key)) drop(event.key - 1);
  else return;
  event.preventDefault();
}

// --- what people do ---------------------------------------------------------------------------------------------------

async function ask(event, payload = {}) {
  $('problem').textContent = '';
  try {
    return await hub.publish(room, event, payload);
  } catch (error) {
    const isAway = error.reason === 'disconnected';
    $('problem').textContent = isAway ? 'there is no connection: wait until it is back' : error.message.replaceAll('_', ' ');
    return null;
  }
}

const drop = (column) => ask('move', { column });

/** Who sat is wanted back in a seat after a loss; who was told to watch leaves the seats to those who had them. */
async function sit() {
  const reply = await ask('sit', { key, name });
  if (reply) page.sat = reply.payload.seat ?? '';
}

async function crash() {
  $('crash-outcome').textContent = '';
  try {
    await hub.publish(room, 'crash', {});
  } catch (error) {
    const expected = error.reason === 'internal';
    $('crash-outcome').textContent = expected ? 'crashed and replaced: play on' : error.message;
  }
}

function takeName() {
  name = $('name-field').value.trim().slice(0, 24) || name;
  try { localStorage['hubbub.game.name'] = name; } catch { /* full or forbidden */ }
  $('name-field').value = name;
  if (mySide()) sit();
  else hub.join(room, { info: { name } }).catch(() => {}); // a watcher's name is that of the join
}

async function copyLink() {
  const done = await navigator.clipboard?.writeText($('link').value).then(() => true, () => false);
  if (!done) $('link').select();
  $('copy').textContent = done ? 'Copied' : 'Select it';
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 2000);
}

// --- drawing ----------------------------------------------------------------------------------------------------------

const mySide = () => SIDES.find((side) => table?.seats[side]?.client && table.seats[side].client === hub.client);
const called = (side) => (side === mySide() ? 'you' : table.seats[side]?.name ?? side);
const isPlaying = () => table !== null && table.left !== null;

function draw() {
  const mine = mySide();
  const myTurn = isNow && isPlaying() && table.to_move === mine;
  const { outcome } = table;
  for (const [index, cell] of cells.entries()) drawCell(cell, index);
  for (const [index, button] of columns.entries()) drawColumn(button, index, myTurn);
  for (const side of SIDES) drawSeat($(`seat-${side}`), side);
  $('verdict').textContent = verdict(mine);
  $('rematch').hidden = !outcome || !mine;
  $('rematch').disabled = table.rematch.includes(mine);
  $('take-seat').hidden = Boolean(mine) || isPlaying() || !SIDES.some((side) => !table.seats[side]?.client);
  drawWatching();
  Object.assign(page, { cells: table.cells, turn: isPlaying() ? table.to_move : '', seat: mine ?? '', winner: outcome?.winner ?? '', why: outcome?.why ?? '' });
}

function drawCell(cell, index) {
  const disc = { r: 'red', y: 'yellow' }[table.cells[index]] ?? '';
  cell.firstChild.className = `disc ${disc}`;
  cell.dataset.last = index === table.last;
  cell.dataset.won = table.outcome?.line.includes(index) ?? false;
}

function drawColumn(button, column, myTurn) {
  const discs = Array.from({ length: ROWS }, (_, row) => table.cells[row * COLUMNS + column]).filter((one) => one !== '.');
  button.disabled = !mySide(); // not merely out of turn: whoever plays by keyboard keeps the column between moves
  button.setAttribute('aria-disabled', !myTurn);
  const story = discs.reverse().map((one) => ({ r: 'red', y: 'yellow' }[one])).join(', ') || 'empty';
  button.setAttribute('aria-label', `Column ${column + 1}: ${story}`);
}

function drawSeat(node, side) {
  const seat = table.seats[side];
  node.dataset.free = !seat;
  node.dataset.turn = isPlaying() && table.to_move === side;
  node.querySelector('.name').textContent = seat ? seat.name : 'free seat';
  const note = !seat ? '' : !seat.client ? 'away' : side === mySide() ? 'that is you' : 'opponent';
  node.querySelector('.note').textContent = seat && !mySide() && seat.client ? side : note;
  node.querySelector('.wins').textContent = seat?.wins ?? 0;
}

function verdict(mine) {
  const { outcome, rematch } = table;
  if (page.state === 'closed') return 'Closed: load this page again';
  if (out) return out;
  if (!isNow) return `No connection${isPlaying() ? ': the clock runs on' : ''}`; // one line: the board stays where it is
  const waiting = rematch.find((side) => side !== mine);
  if (outcome) {
    const why = { four: 'four in a row', full: 'the board is full', time: 'time is up' }[outcome.why];
    const who = !outcome.winner ? 'A draw' : outcome.winner === mine ? 'You win' : `${table.seats[outcome.winner].name} wins`;
    return `${who}: ${why}` + (waiting ? `. ${table.seats[waiting].name} wants a rematch` : '');
  }
  if (isPlaying()) return table.to_move === mine ? 'Your turn' : `${table.seats[table.to_move].name} to move`;
  return mine ? 'Send the link to an opponent' : 'Waiting for players';
}

/** Strangers may have joined with any JSON. */
const watcherOf = (info) => (typeof info?.name === 'string' && info.name.slice(0, 24)) || 'somebody';

function drawWatching() {
  const seated = SIDES.map((side) => table?.seats[side]?.client);
  const watching = members.filter(({ client }) => !seated.includes(client)).map(({ info }) => watcherOf(info));
  $('watching').replaceChildren(...watching.map((who) => Object.assign(document.createElement('li'), { textContent: who, dir: 'auto' })));
  $('watching-count').textContent = page.watching = watching.length;
  $('nobody').hidden = watching.length > 0;
}

/** Only the referee knows the time that is left: without a connection there is no clock. */
function drawClock() {
  const isRunning = isNow && isPlaying();
  const left = isRunning ? Math.max(0, (zeroAt - performance.now()) / 1000) : 0;
  $('clock-bar').style.transform = `scaleX(${isRunning ? Math.min(1, left / table.turn) : 0})`;
  $('clock').dataset.low = left < LOW;
  const text = isRunning ? `${Math.ceil(left)} s` : '';
  if ($('clock-text').textContent !== text) $('clock-text').textContent = text;
}

function drawRestarts(restarts) {
  const crashed = page.restarts !== undefined && Number(page.restarts) < restarts;
  $('restarts').textContent = page.restarts = restarts;
  $('restarts-word').textContent = `restart${restarts === 1 ? '' : 's'} of the referee`;
  if (!crashed) return;
  $('supervision').dataset.pulse = 'false';
  void $('supervision').offsetWidth; // starts the animation over
  $('supervision').dataset.pulse = 'true';
}

// --- what the gateway tells -------------------------------------------------------------------------------------------

function onTable(view) {
  [table, isNow] = [view, true];
  zeroAt = performance.now() + view.left * 1000;
  drawRestarts(view.restarts);
  draw();
  drawClock();
}

/** For as long as this page is open: it does not come back by itself. */
function onOut(words) {
  [out, isNow, members] = [words, false, []];
  $('verdict').textContent = words;
  if (table) draw();
  drawWatching();
  drawClock();
}

function onState({ state, reason }) {
  page.state = state;
  const texts = { connected: 'connected', connecting: 'connecting…', offline: 'offline', closed: `closed: ${reason}` };
  $('state-text').textContent = texts[state] ?? 'reconnecting…';
  $('crash').disabled = state !== 'connected';
  if (state === 'connected') $('problem').textContent = '';
  if (!isNow || state === 'connected') return;
  isNow = false;
  draw();
  drawClock();
}

hub.on('state', onState)
  .on('joined', ({ reply }) => { onTable(reply.response); if (page.sat !== '') sit(); })
  .on('event', ({ event, payload, sender }) => event === 'table' && !sender && onTable(payload))
  .on('presence', (presence) => { members = presence.members; drawWatching(); })
  .on('refused', ({ error }) => onOut(`This table cannot be joined: ${error.message}`))
  .on('removed', ({ reason }) => onOut(`You were put out of this table: ${reason}`));

document.addEventListener('keydown', onKey);
$('rematch').addEventListener('click', () => ask('rematch'));
$('take-seat').addEventListener('click', sit);
$('crash').addEventListener('click', crash);
$('copy').addEventListener('click', copyLink);
document.querySelector('.skip').addEventListener('click', (event) => { // the address is that of the table
  event.preventDefault();
  $('board').focus();
});
$('new-game').addEventListener('click', () => { location.hash = random(3); });
$('name-form').addEventListener('submit', (event) => { event.preventDefault(); takeName(); });
addEventListener('hashchange', () => location.reload());
setInterval(drawClock, 100);
$('link').value = location.href;
$('name-field').value = name;
hub.join(room, { info: { name } }).catch(() => {}); // `refused` tells
hub.connect();
