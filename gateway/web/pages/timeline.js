/**
 * The scrollback of one room: what was said and what happened, in the server's order, as a list on the page.
 *
 * Theory of operation: every item has a place (era, offset, rank). An era is one epoch of the stream; notices take the
 * offset after which they happened; a message on its way has no offset yet and stands at the end. So history, missed
 * events and live ones may arrive in any order, before or after the reply to our own publish, and each message shows
 * once. Day lines and grouping are worked out when drawing; nodes are reused.
 *
 * What it refuses to know: the wire, and which room is on screen.
 */

const MAX_ITEMS = 1000; // a day's chat; beyond it the page would slow down, and the server has the history
const GROUP_FOR = 5 * 60; // seconds within which messages of one author share a heading
const LINE = 120; // characters of a notice about people: two lines, beyond which it only counts
const NEAR_END = 48; // CSS pixels from the end within which a reader still follows it

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayOf = (time) => new Date(time * 1000).toDateString();

/** A node with text (never markup) inside. */
export function make(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** A name, in its own direction: one that is too long is cut at its end, whichever side that is. */
export const nameNode = (tag, className, name) => Object.assign(make(tag, className, name), { dir: 'auto' });

/** A round badge with initials; the colour is the name's, the same for everybody. */
export function avatar(name) {
  const letters = name.split(/\s+/).filter(Boolean).map((word) => [...word][0]);
  const node = make('span', 'avatar', letters.slice(0, 2).join('').toUpperCase());
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  node.style.setProperty('--hue', hue);
  node.setAttribute('aria-hidden', 'true');
  return node;
}

export class Timeline {
  #items = []; #byId = new Map(); #byOffset = new Map(); #eras = new Map(); #top = 0; #drawing = false;
  #following = true; #unseen = 0; #list = make('ol', 'entries'); #jump = make('button', 'jump');
  #empty = make('p', 'empty', make('strong', '', 'It is quiet here'), 'Say something, or open this page in a second tab.');

  /** `resend(item)` is called for a message that failed and shall be tried again. */
  constructor(room, { resend }) {
    this.resend = resend;
    this.scroller = make('div', 'scroller', this.#empty, this.#list);
    this.node = make('section', 'timeline', this.scroller, this.#jump);
    this.node.dataset.room = room;
    this.#list.setAttribute('role', 'log');
    this.#list.setAttribute('aria-live', 'polite');
    this.#list.setAttribute('aria-label', `Messages in ${room}`);
    this.scroller.tabIndex = 0;
    this.scroller.addEventListener('scroll', () => this.#onScroll(), { passive: true });
    this.#jump.type = 'button';
    this.#jump.hidden = true;
    this.#jump.addEventListener('click', () => this.follow());
    new ResizeObserver(() => this.#following && this.#toEnd()).observe(this.scroller);
  }

  /** Our own message, before the server knows it. `id` travels in the payload, so the event can be matched. */
  addPending({ id, name, text, state }) {
    const item = { kind: 'message', id, name, text, state, mine: true, time: Date.now() / 1000, rank: 0 };
    this.#byId.set(id, this.#insert({ ...item, era: Infinity, offset: Infinity }));
    this.follow();
    return this.#byId.get(id);
  }

  /** A message with a position, from the stream or from history. Returns false if it was on the page already. */
  addMessage({ id, name, text, time, offset, epoch, mine }) {
    const place = `${epoch}:${offset}`;
    if (this.#byOffset.has(place)) return this.#setTime(this.#byOffset.get(place), time);
    const own = mine && this.#byId.get(id);
    const isNews = this.#eraOf(epoch) === this.#era && offset > this.#top; // what is older was scrolled for
    if (own) this.#settle(own, { offset, epoch, time });
    else this.#place(this.#insert({ kind: 'message', id, name, text, time, mine, state: 'sent', rank: 0,
      era: this.#eraOf(epoch), offset }), place);
    if (isNews && !mine && !this.#following) this.#unseen += 1;
    return !own;
  }

  /** The publish reply of our own message, which may come before or after its event. */
  confirm(item, { offset, epoch }) {
    if (item.state !== 'sent') this.#settle(item, { offset, epoch, time: item.time });
  }

  /** What the reply has confirmed stands at the time of this machine's clock, until the event brings the server's. */
  #setTime(item, time) {
    if (item.time !== time) {
      Object.assign(item, { time, dayLine: null });
      this.#draw();
    }
    return false;
  }

  fail(item, { state, trouble }) {
    if (item.state === 'sent') return; // its event came, whatever the reply says
    Object.assign(item, { state, trouble });
    this.#draw();
  }

  /** Messages of ours in one of `states`, oldest first. */
  pending(...states) {
    return this.#items.filter((item) => item.kind === 'message' && states.includes(item.state));
  }

  /**
   * A subtle line: who came and went, what was recovered. Those of people join into one; where that is long, it counts
   * the others, lest a hundred who come at once push what was said off the page.
   */
  addNotice(text, tone = 'people') {
    const last = this.#items.filter((item) => item.state !== 'sending' && item.state !== 'waiting').at(-1);
    if (tone === 'people' && last?.tone === tone && (last.others || !last.text.includes(text))) {
      if (last.others || last.text.length > LINE) last.others += 1;
      else last.text += `, ${text}`;
      last.node = null;
      return this.#draw();
    }
    this.#insert({ kind: 'notice', text, tone, others: 0, time: Date.now() / 1000, era: this.#era, offset: this.#top, rank: 1 });
  }

  /** A line across the page: the stream began anew (`epoch`), or a part of it is missing (`gap`). */
  addDivider(kind, title, explanation) {
    const offset = kind === 'epoch' ? -1 : this.#top; // an era's line stands above all of the era
    this.#insert({ kind: 'divider', tone: kind, text: title, explanation, era: this.#era, offset, rank: 2 });
  }

  /** From here on, `epoch` is the stream; what is on the page stays above. */
  startEra(epoch, offset) {
    this.#eraOf(epoch);
    this.#top = offset;
  }

  /** Goes to the end and stays with it. */
  follow() {
    this.#following = true;
    this.#draw();
  }

  get #era() { return Math.max(0, this.#eras.size - 1); }

  #eraOf(epoch) {
    if (!this.#eras.has(epoch)) this.#eras.set(epoch, this.#eras.size);
    return this.#eras.get(epoch);
  }

  #place(item, place) {
    item.place = place;
    this.#byOffset.set(place, item);
    if (item.era === this.#era) this.#top = Math.max(this.#top, item.offset);
  }

  #settle(item, { offset, epoch, time }) {
    this.#items.splice(this.#items.indexOf(item), 1);
    Object.assign(item, { offset, era: this.#eraOf(epoch), time, dayLine: null, state: 'sent', trouble: null });
    this.#place(this.#insert(item), `${epoch}:${offset}`);
  }

  #insert(item) {
    const precedes = (a, b) => a.era - b.era || a.offset - b.offset || a.rank - b.rank;
    let at = this.#items.length;
    while (at > 0 && precedes(this.#items[at - 1], item) > 0) at -= 1;
    this.#items.splice(at, 0, item);
    while (this.#items.length > MAX_ITEMS) this.#forget(this.#items.shift());
    this.#draw();
    return item;
  }

  #forget(item) {
    this.#byId.delete(item.id);
    this.#byOffset.delete(item.place);
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => { this.#drawing = false; this.#drawNow(); });
  }

  #drawNow() {
    let cursor = this.#list.firstChild;
    for (const node of this.#nodes()) {
      if (node === cursor) cursor = cursor.nextSibling;
      else this.#list.insertBefore(node, cursor);
    }
    while (cursor) cursor = removeAndGoOn(cursor);
    this.#empty.hidden = this.#items.some((item) => item.kind === 'message');
    if (this.#following) this.#toEnd();
    this.#drawJump();
  }

  /** The nodes in order, with day lines between, each brought up to date. */
  *#nodes() {
    let [before, day] = [null, null];
    for (const item of this.#items) {
      const itsDay = item.kind === 'message' ? this.#dayOf(item) : day;
      const newDay = itsDay !== day;
      if (newDay) yield (item.dayLine ??= divider('day', calendar.format(item.time * 1000)));
      day = itsDay;
      item.node ??= item.kind === 'message' ? this.#messageNode(item) : lineNode(item);
      if (item.kind === 'message') this.#refresh(item, !newDay && continues(before, item));
      yield item.node;
      before = item;
    }
  }

  #dayOf(item) {
    if (item.dayTime !== item.time) Object.assign(item, { day: dayOf(item.time), dayTime: item.time });
    return item.day;
  }

  #messageNode(item) {
    const head = make('div', 'head', nameNode('b', 'author', item.name), make('time', 'time'));
    const text = make('p', 'text', item.text);
    const node = make('li', 'message', avatar(item.name), head, text, make('p', 'trouble'));
    node.dataset.author = item.name;
    node.dataset.mine = Boolean(item.mine);
    return node;
  }

  /** Only what looks different now: with each message all those on the page come by here. */
  #refresh(item, follows) {
    const { node } = item;
    const looks = [follows, item.state, item.offset, item.time, item.trouble].join();
    if (item.looks === looks) return;
    item.looks = looks;
    node.classList.toggle('follows', follows);
    node.dataset.state = item.state;
    if (Number.isFinite(item.offset)) node.dataset.offset = item.offset;
    const time = node.querySelector('.time');
    time.dateTime = new Date(item.time * 1000).toISOString();
    time.textContent = clock.format(item.time * 1000);
    time.title = exact.format(item.time * 1000) + (Number.isFinite(item.offset) ? `, offset ${item.offset}` : '');
    const trouble = node.querySelector('.trouble');
    const words = item.trouble ?? { waiting: 'waiting for the connection', sending: '' }[item.state] ?? '';
    if (trouble.dataset.words === words) return;
    trouble.dataset.words = words;
    trouble.replaceChildren(words, ...(item.state === 'failed' ? [this.#resendButton(item)] : []));
  }

  #resendButton(item) {
    const button = make('button', 'link', 'Send again');
    button.type = 'button';
    button.addEventListener('click', () => this.resend(item));
    return button;
  }

  #drawJump() {
    this.#jump.hidden = this.#following || this.#unseen === 0;
    this.#jump.textContent = `${this.#unseen} new message${this.#unseen === 1 ? '' : 's'} ↓`;
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#unseen = 0;
  }

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (clientHeight === 0) return; // not on screen: the browser resets the position, the reader did not move
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (this.#following) this.#unseen = 0;
    this.#drawJump();
  }
}

const continues = (before, item) => before?.kind === 'message' && before.name === item.name
  && before.mine === item.mine && item.time - before.time < GROUP_FOR;

function divider(kind, title, explanation = null) {
  const node = make('li', 'divider', make('span', 'title', title), explanation && make('span', 'explanation', explanation));
  node.dataset.kind = kind;
  return node;
}

function removeAndGoOn(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function lineNode(item) {
  if (item.kind === 'divider') return divider(item.tone, item.text, item.explanation);
  const node = make('li', 'notice', make('span', '', item.text, item.others ? ` and ${item.others} more` : ''), make('time', 'time', clock.format(item.time * 1000)));
  node.dataset.tone = item.tone;
  if (item.others) node.setAttribute('aria-live', 'off'); // it is drawn anew with each: who listens has heard of some
  return node;
}
