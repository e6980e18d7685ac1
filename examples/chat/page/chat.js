/**
 * The chat: the lobby's list of rooms, and the one room that is on screen. The page is a member of these two topics, so
 * "here" means what it says; how much was said in the other rooms, the lobby tells.
 *
 * The wire is in `assets/hubbub.js`, the list of messages in `assets/timeline.js`; beside this file, what is older in
 * `scrollback.js`, the field to write in in `composer.js`, who is here in `people.js`, who types in `typists.js`, what
 * was read in `unread.js`, whose page it is in `session.js`, what was typed when a login ended in `drafts.js`. What the
 * page knows of itself is on `document.body.dataset`, for tests and for the style sheet.
 */

import { Hubbub } from './assets/hubbub.js';
import { avatar, make } from './assets/entry.js';
import { Timeline } from './assets/timeline.js';
import { Composer } from './composer.js';
import { keepDrafts, takeDrafts } from './drafts.js';
import { People } from './people.js';
import { Scrollback } from './scrollback.js';
import { LOGGED_OUT, leavePage, logOut, whoAmI, whoAmIAtLast } from './session.js';
import { Typists } from './typists.js';
import { Unread } from './unread.js';

const LOBBY = 'lobby';
const LOST = 'The connection is lost. This page comes back by itself, with all that was said meanwhile.';
const OFFLINE = 'This device is offline. The page comes back by itself, with all that was said meanwhile.';
const SILENT = 'The server does not answer. This page asks again by itself.';
const STILL_IN = 'You are not logged out: the server does not answer.';
const GAP = 'this page was away for longer than the server keeps messages';
const ANEW = 'the server was restarted; what is above is kept on this page only';

const $ = (id) => document.getElementById(id);
const page = document.body.dataset;
const hub = new Hubbub();
const rooms = new Map(); // name -> {name, topic, at: {offset, epoch}, timeline, scrollback, draft, attempt, button}
const people = new People($('people'), { putOut: askPutOut });
const typists = new Typists($('typing'), () => hub.publish(current.topic, 'typing', null).catch(() => {}));
const composer = new Composer({ form: $('composer'), field: $('draft'), problem: $('problem') }, {
  publish: (room, text, id) => hub.publish(room.topic, 'say', { text }, { id }),
  said: () => typists.iSaidIt(),
  typed: () => typists.iType(),
});
let [me, unread, current, kept] = [null, null, null, null];

// --- rooms ------------------------------------------------------------------------------------------------------------

function addRoom({ name, offset = 0, epoch = '' }) {
  const room = rooms.get(name) ?? makeRoom(name);
  room.at = { offset, epoch };
  drawUnread(room);
}

function makeRoom(name) {
  const button = make('button', 'room', make('span', 'name', name), make('span', 'unread'));
  const room = { name, topic: `room:${name}`, at: { offset: 0, epoch: '' }, timeline: null, scrollback: null, attempt: null, button };
  room.draft = kept?.drafts[name] ?? '';
  Object.assign(button, { type: 'button', onclick: () => enter(room) });
  button.dataset.room = name;
  $('rooms').append(make('li', '', button));
  rooms.set(name, room);
  return room;
}

/** Leaves one room for another. Its scrollback stays on the page, and is completed when it is entered again. */
function enter(room) {
  if (current && current !== room) hub.leave(current.topic).catch(() => {}); // without a connection there is none to leave
  if (current) current.timeline.node.hidden = true;
  current = room;
  composer.enter(room);
  if (!room.timeline) makeTimeline(room);
  room.timeline.node.hidden = false;
  for (const other of rooms.values()) other.button.setAttribute('aria-current', other === room);
  page.room = room.name;
  page.joined = '';
  history.replaceState(null, '', `#${room.name}`);
  $('room-title').textContent = room.name;
  showPeople([]);
  typists.clear();
  if (hub.state === 'connected') banner('');
  hub.join(room.topic).catch(() => {}); // `refused` tells, or the next connection joins
  room.timeline.follow();
  if (!matchMedia('(pointer: coarse)').matches) composer.focus(); // with fingers it would open the keyboard of the screen
}

function makeTimeline(room) {
  room.timeline = new Timeline(room.name, {
    resend: () => {},
    forgot: (place) => room.scrollback.forget(place),
    hint: 'Say something. Somebody else may log in from a private window.', // the tabs of a browser are one person
  });
  room.scrollback = new Scrollback(room.timeline.scroller, {
    fetch: (asked) => hub.history(room.topic, asked),
    show: (event) => event.event !== 'said' || onSaid(room, event),
  });
  $('timelines').append(room.timeline.node);
}

const byTopic = (topic) => (current?.topic === topic ? current : null); // the others' last words are not shown

async function openRoom() {
  const name = $('open-field').value.trim();
  $('open-problem').textContent = '';
  try {
    await hub.publish(LOBBY, 'open_room', { name });
    $('open-field').value = '';
    enter(rooms.get(name) ?? makeRoom(name));
  } catch (error) {
    $('open-problem').textContent = error.message;
  }
}

// --- what was not read ------------------------------------------------------------------------------------------------

function markRead() {
  if (!current || document.hidden) return;
  unread.markRead(current);
  drawUnread(current);
}

function drawUnread(room) {
  const count = unread.of(room);
  room.button.dataset.unread = count;
  room.button.querySelector('.unread').textContent = count > 99 ? '99+' : count || '';
  room.button.setAttribute('aria-label', count ? `${room.name}, ${count} unread` : room.name);
  const all = [...rooms.values()].reduce((sum, one) => sum + unread.of(one), 0);
  document.title = all ? `(${all}) hubbub chat` : 'hubbub chat';
}

// --- what is said -----------------------------------------------------------------------------------------------------

function onSaid(room, { payload, offset, epoch, time }) {
  const { user, text, is_act: isAct } = payload;
  return room.timeline.addMessage({ name: user, text: isAct ? `* ${user} ${text}` : text, time, offset, epoch, mine: user === me.name });
}

function onEvent(frame) {
  const { event, payload } = frame;
  if (event === 'room_opened') return addRoom(payload);
  if (event === 'room_moved') return onMoved(payload);
  const room = byTopic(frame.room);
  if (event === 'said' && room) {
    onSaid(room, frame);
    typists.stopped(payload.user);
  }
  if (event === 'is_typing' && room) typists.types(payload.user);
  if (event === 'was_put_out' && room) room.timeline.addNotice(`${payload.by} put ${payload.user} out${payload.reason && `: ${payload.reason}`}`, 'crash');
}

function onMoved(payload) {
  addRoom(payload);
  if (payload.name === current?.name) markRead();
}

// --- coming, going, and being put out ---------------------------------------------------------------------------------

function onJoined({ room: topic, reply, again, anew }) {
  if (topic === LOBBY) return onLobby(reply.response.rooms);
  const room = byTopic(topic);
  if (!room) return void hub.leave(topic).catch(() => {});
  page.joined = room.name;
  markRead();
  if (!again) room.timeline.startEra(reply.epoch, reply.offset);
  if (again && reply.recovered) room.timeline.addNotice(recovered(reply.missed ?? 0), 'recovery');
  else if (again && !anew) room.timeline.addDivider('gap', 'Some messages may be missing here', GAP);
  if (reply.recovered) room.scrollback.resume();
  else room.scrollback.begin(reply.offset);
}

const recovered = (missed) => (missed ? `back again, recovered ${missed} message${missed === 1 ? '' : 's'}` : 'back again, nothing was missed');

function onLobby(list) {
  list.forEach(addRoom);
  if (!current) enter(rooms.get(kept?.room) ?? linkedRoom() ?? rooms.values().next().value);
  markRead();
}

const linkedRoom = () => rooms.get(location.hash.slice(1));

function onLink() {
  const room = linkedRoom();
  if (room && room !== current) enter(room);
}

function onEpoch({ room: topic, to }) {
  byTopic(topic)?.timeline.startEra(to, 0);
  byTopic(topic)?.timeline.addDivider('epoch', 'Messages begin anew', ANEW);
}

function onPresence({ room: topic, members, reset }) {
  const room = byTopic(topic);
  if (!room) return;
  const { came, went } = showPeople(members.map(({ user }) => user));
  if (!reset) for (const user of came) room.timeline.addNotice(`${user} joined`);
  if (!reset) for (const user of went) room.timeline.addNotice(`${user} left`);
  went.forEach((user) => typists.stopped(user));
}

function showPeople(users) {
  const change = people.show(users, me);
  $('here-count').textContent = page.people = people.count;
  $('room-note').textContent = people.count ? `${people.count} here` : '';
  return change;
}

function onRemoved({ room: topic, reason }) {
  if (!byTopic(topic)) return;
  page.joined = '';
  showPeople([]);
  banner(`You are not in this room any more: ${reason}.`, 'Come in again', () => enter(current));
}

function onRefused({ room: topic, error }) {
  if (byTopic(topic)) banner(`${error.message}.`, 'Try again', () => enter(current));
}

function askPutOut(user) {
  $('put-out-title').textContent = `Put ${user} out of ${current.name}?`;
  $('put-out-reason').value = '';
  $('put-out-dialog').dataset.user = user;
  $('put-out-dialog').showModal();
}

function putOut() {
  $('put-out-dialog').close();
  const who = { user: $('put-out-dialog').dataset.user, reason: $('put-out-reason').value.trim() };
  hub.publish(current.topic, 'put_out', who).catch((error) => composer.tell(error.message));
}

// --- the connection and the session -----------------------------------------------------------------------------------

function onState({ state, code, reason }) {
  page.state = state;
  const texts = { connected: 'connected', connecting: 'connecting…', offline: 'offline', closed: 'disconnected' };
  $('state').textContent = texts[state] ?? 'reconnecting…';
  if (state === 'connected') banner('');
  if (state === 'reconnecting') banner(LOST, 'Try now', () => hub.connect(), 'wait');
  if (state === 'offline') banner(OFFLINE, 'Try anyway', () => hub.connect(), 'wait');
  if (code === LOGGED_OUT) return leavePage('logged-out');
  if (state === 'closed') banner(`The server closed the connection: ${reason || code}.`, 'Connect again', () => hub.connect());
  if (state === 'reconnecting') whoAmI(leaveWithDrafts);
}

async function leave() {
  if (await logOut()) {
    hub.close();
    return leavePage('logged-out');
  }
  if (page.panel === 'open') openPanel(false); // it would cover the banner of a phone
  banner(STILL_IN, 'Try again', leave);
}

/** Who is nobody any more takes along what was typed. */
function leaveWithDrafts() {
  composer.keep();
  if (current) keepDrafts(me.name, current.name, Object.fromEntries([...rooms.values()].filter(({ draft }) => draft).map(({ name, draft }) => [name, draft])));
  leavePage('expired');
}

/** A blank page would tell nothing. */
function tellSilence(again) {
  document.body.hidden = false;
  banner(SILENT, 'Try now', again, 'wait');
}

// --- the page ---------------------------------------------------------------------------------------------------------

function banner(text, act = '', acts = null, tone = 'trouble') {
  $('banner').hidden = !text;
  $('banner').dataset.tone = tone;
  $('banner-text').textContent = text;
  Object.assign($('banner-act'), { textContent: act, onclick: acts });
}

function openPanel(open) {
  page.panel = open ? 'open' : 'closed';
  $('panel-toggle').setAttribute('aria-expanded', open);
  $('veil').hidden = !open;
  (open ? $('panel-close') : $('panel-toggle')).focus();
}

const onSubmit = (id, act) => $(id).addEventListener('submit', (event) => { event.preventDefault(); act(); });
const onClick = (id, act) => $(id).addEventListener('click', act);

function listen() {
  onSubmit('open-form', openRoom);
  onSubmit('put-out-form', putOut);
  onClick('put-out-cancel', () => $('put-out-dialog').close());
  for (const id of ['logout', 'logout-panel']) onClick(id, leave);
  onClick('cut', () => hub.cut());
  document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); composer.focus(); });
  onClick('panel-toggle', () => openPanel(page.panel !== 'open'));
  onClick('panel-close', () => openPanel(false));
  onClick('veil', () => openPanel(false));
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && page.panel === 'open' && openPanel(false));
  document.addEventListener('visibilitychange', markRead);
  addEventListener('hashchange', onLink);
}

hub.on('state', onState).on('joined', onJoined).on('event', onEvent).on('epoch', onEpoch).on('presence', onPresence)
  .on('removed', onRemoved).on('refused', onRefused)
  .on('caught_up', ({ room }) => byTopic(room) && composer.sayWhatWaits(current));

me = await whoAmIAtLast(() => leavePage(''), tellSilence);
unread = new Unread(`chat.read.${me.name}`, { changed: () => rooms.forEach(drawUnread) });
kept = takeDrafts(me.name);
for (const node of document.querySelectorAll('.my-name')) node.textContent = me.name;
for (const node of document.querySelectorAll('.my-role')) node.textContent = me.is_admin ? 'admin' : 'logged in';
for (const node of document.querySelectorAll('.my-avatar')) node.replaceChildren(avatar(me.name));
document.body.hidden = false;
listen();
hub.join(LOBBY).catch(() => {});
hub.connect();
