/**
 * The ticker: three lines, and what became of the feed that draws them. The wire is in `hubbub.js`, the drawing in
 * `chart.js`. What the page knows of itself is on `document.body.dataset`, for tests and for the style sheet.
 */

import { Hubbub } from './assets/hubbub.js';
import { Chart } from './chart.js';

const ROOM = 'prices';
const COLOURS = { ORCH: '--one', BROOK: '--two', LUMEN: '--three' };
const WINDOW = 60; // seconds on screen
const HISTORY = 300; // events fetched on opening: a bit more than the window

const $ = (id) => document.getElementById(id);
const page = document.body.dataset;
const hub = new Hubbub();
const chart = new Chart($('chart'), { colours: COLOURS, seconds: WINDOW, keep: 2 * HISTORY });
let skew = Infinity; // seconds our clock is ahead of the server's, by the quickest event so far
let connection = { state: 'closed', retryAt: null };
let refusal = ''; // why this page is not in the channel
let hasHistory = false; // a connection may be lost with the answer
let [failedAt, before] = [null, null];

/** Seconds that nobody sets: the date of this machine may be put right in the midst, and the chart would stand in another hour. */
const localNow = () => (performance.timeOrigin + performance.now()) / 1000;
const serverNow = () => localNow() - (Number.isFinite(skew) ? skew : 0);

// --- what the feed tells ----------------------------------------------------------------------------------------------

/** Only the feed speaks here: an event with a sender is somebody pretending. */
function onEvent({ event, payload, time, offset, sender }) {
  if (sender || offset === undefined) return;
  skew = Math.min(skew, localNow() - time);
  if (event === 'price') onPrice(payload, time);
  if (event === 'failed') onFailed(payload, time);
  page.offset = Math.max(offset, Number(page.offset ?? 0));
}

function onPrice({ incarnation, prices }, time) {
  chart.add({ time, values: prices, life: incarnation });
  page.points = chart.points.length;
  if (time < chart.points.at(-1).time) return; // history, behind what is live
  drawLegend(prices);
  drawFeed(incarnation);
}

function onFailed({ reason }, time) {
  chart.addGap(time, 'crash');
  page.gaps = chart.gaps.length;
  if (failedAt !== null && time <= failedAt) return;
  failedAt = time;
  $('reason').textContent = `because ${reason}`;
  if ((chart.points.at(-1)?.time ?? 0) > time) return;
  page.feed = 'down';
  $('feed-state').textContent = 'down, being restarted';
}

function drawFeed(incarnation) {
  const restarts = incarnation - 1;
  if (page.restarts !== undefined && restarts > Number(page.restarts)) pulse($('supervision'));
  page.feed = 'running';
  $('feed-state').textContent = 'running';
  $('incarnation').textContent = page.incarnation = incarnation;
  $('restarts').textContent = page.restarts = restarts;
  $('restarts-word').textContent = restarts === 1 ? 'restart since the gateway began' : 'restarts since the gateway began';
}

// --- drawing ----------------------------------------------------------------------------------------------------------

const make = (className) => Object.assign(document.createElement('span'), { className });
const rows = Object.fromEntries(Object.entries(COLOURS).map(([symbol, colour]) => {
  const [swatch, word, price, change] = ['swatch', 'symbol', 'price', 'change'].map(make);
  word.textContent = symbol;
  swatch.style.setProperty('--colour', `var(${colour})`);
  price.append('–');
  const item = document.createElement('li');
  item.append(swatch, word, price);
  $('legend').append(item);
  return [symbol, { price, change }];
}));

function drawLegend(prices) {
  before ??= prices;
  const then = chart.points.find(({ time }) => time >= serverNow() - WINDOW)?.values ?? before;
  for (const [symbol, { price, change }] of Object.entries(rows)) {
    const percent = (prices[symbol] / then[symbol] - 1) * 100;
    change.textContent = `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(2)} %`;
    change.dataset.up = percent >= 0;
    price.replaceChildren(prices[symbol].toFixed(2), change);
  }
}

function drawAges() {
  const { state, retryAt } = connection;
  const texts = { connected: refusal || 'connected', connecting: 'connecting…', offline: 'offline', closed: 'disconnected' };
  const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
  write('state-text', texts[state] ?? 'reconnecting');
  write('state-in', state === 'reconnecting' ? ` in ${seconds} s` : ''); // hidden from who listens: it says each second
  if (failedAt === null) return;
  const ago = Math.max(0, Math.round(serverNow() - failedAt));
  $('failed').textContent = ago < 120 ? `${ago} s ago` : `${Math.round(ago / 60)} min ago`;
}

function write(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

function pulse(node) {
  node.dataset.pulse = 'false';
  void node.offsetWidth; // starts the animation over
  node.dataset.pulse = 'true';
}

function animate() {
  chart.draw(serverNow());
  requestAnimationFrame(animate);
}

// --- what the gateway tells -------------------------------------------------------------------------------------------

async function onJoined({ reply, again }) {
  if (again) {
    const missed = reply.missed ?? 0;
    page.recovered = reply.recovered ? missed : '';
    const words = reply.recovered ? `back again, recovered ${missed} missed event${missed === 1 ? '' : 's'}` : 'back again, without what was missed';
    $('cut-outcome').textContent = words;
  }
  if (!reply.recovered) hasHistory = false;
  if (hasHistory) return;
  const { events } = await hub.history(ROOM, { limit: HISTORY });
  for (const event of events) onEvent(event);
  hasHistory = true;
}

function onOut(words) {
  refusal = page.out = words;
  loseFeed('not known');
  drawAges();
}

function loseFeed(words) {
  if (page.feed === 'unknown') return;
  page.feed = 'unknown';
  $('feed-state').textContent = words;
}

function onState(detail) {
  connection = detail;
  page.state = detail.state;
  $('crash').disabled = $('cut').disabled = detail.state !== 'connected';
  if (detail.state !== 'connected') loseFeed('not known while offline');
  drawAges();
}

async function crash() {
  const outcome = $('crash-outcome');
  outcome.dataset.bad = 'false';
  try {
    await hub.publish(ROOM, 'crash', {});
    outcome.textContent = 'it crashed, as asked';
  } catch (error) {
    outcome.dataset.bad = 'true';
    outcome.textContent = error.retryAfter ? `${error.message}: try again in ${Math.ceil(error.retryAfter)} s` : error.message;
  }
}

function cut() {
  $('cut-outcome').textContent = 'cut; coming back…';
  hub.cut();
}

hub.on('state', onState).on('event', onEvent)
  .on('joined', (joined) => onJoined(joined).catch(() => {})) // without a connection the next join asks again
  .on('refused', ({ error }) => onOut(`not admitted: ${error.message}`))
  .on('removed', ({ reason }) => onOut(`put out: ${reason}`));
$('crash').addEventListener('click', crash);
$('cut').addEventListener('click', cut);
setInterval(drawAges, 250);
hub.join(ROOM, { presence: false }).catch(() => {});
hub.connect();
animate();
