/**
 * The scrollback of one room: what was said and what happened, in the server's order, as a list on the page.
 *
 * Theory of operation: every item has a place (era, offset, rank). An era is one epoch of the stream; notices take the
 * offset after which they happened; a message on its way has no offset yet and stands at the end. So history, missed
 * events and live ones may arrive in any order, before or after the reply to our own publish, and each message shows
 * once. What has changed is drawn once a frame, and nothing else is touched, read or laid out: a thousand messages above
 * cost a new one nothing. Who reads further up keeps the place, whatever comes above or below it.
 *
 * What it refuses to know: the wire, and which room is on screen.
 */

import { dayNode, dayOf, lineNode, make, messageNode, refresh } from './entry.js';

const MAX_ITEMS = 1000; // a day's chat, while its reader follows the end of it; the server has the history
const MAX_HELD = 5000; // while its reader looks further up: nothing may vanish from under their eyes
const AT_ONCE = 50; // that are taken off together: each time all those below move up
const GROUP_FOR = 5 * 60; // seconds within which messages of one author share a heading
const LINE = 120; // characters of a notice about people: two lines, beyond which it only counts
const NEAR_END = 48; // CSS pixels from the end within which a reader still follows it

export class Timeline {
  #items = []; #byId = new Map(); #byOffset = new Map(); #eras = new Map(); #top = 0; #drawing = false;
  #gone = []; #freeDays = []; // nodes that the next drawing takes off the page
  #following = true; #unseen = 0; #size = ''; #list = make('ol', 'entries'); #jump = make('button', 'jump'); #empty;

  /**
   * `resend(item)` is called for a message that failed and shall be tried again; `forgot({epoch, offset})` when the
   * messages up to that position were taken off the page, which keeps only so many. `hint` stands in an empty room.
   */
  constructor(room, { resend, forgot = () => {}, hint = 'Say something, or open this page in a second tab.' }) {
    this.#empty = make('p', 'empty', make('strong', '', 'It is quiet here'), hint);
    Object.assign(this, { resend, forgot });
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
    new ResizeObserver(() => this.#onResize()).observe(this.scroller);
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
      era: this.#eraOf(epoch), offset }), epoch);
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
      item.time = time;
      this.#touch(this.#items.indexOf(item));
    }
    return false;
  }

  fail(item, { state, trouble }) {
    if (item.state === 'sent') return; // its event came, whatever the reply says
    Object.assign(item, { state, trouble });
    this.#touch(this.#items.indexOf(item));
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
      if (last.node) this.#gone.push(last.node);
      last.node = null;
      return this.#touch(this.#items.indexOf(last));
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
    this.#trim();
    this.#draw();
  }

  get #era() { return Math.max(0, this.#eras.size - 1); }

  #eraOf(epoch) {
    if (!this.#eras.has(epoch)) this.#eras.set(epoch, this.#eras.size);
    return this.#eras.get(epoch);
  }

  #place(item, epoch) {
    item.place = { epoch, offset: item.offset };
    this.#byOffset.set(`${epoch}:${item.offset}`, item);
    if (item.era === this.#era) this.#top = Math.max(this.#top, item.offset);
  }

  #settle(item, { offset, epoch, time }) {
    const at = this.#items.indexOf(item);
    this.#items.splice(at, 1);
    this.#touch(at);
    Object.assign(item, { offset, era: this.#eraOf(epoch), time, state: 'sent', trouble: null });
    this.#place(this.#insert(item), epoch);
  }

  #insert(item) {
    const precedes = (a, b) => a.era - b.era || a.offset - b.offset || a.rank - b.rank;
    let at = this.#items.length;
    while (at > 0 && precedes(this.#items[at - 1], item) > 0) at -= 1;
    this.#items.splice(at, 0, item);
    this.#touch(at);
    this.#trim();
    return item;
  }

  /** Takes off the page what is too much for it, the oldest first. */
  #trim() {
    const tooMany = this.#items.length - (this.#following ? MAX_ITEMS : MAX_HELD);
    if (tooMany < AT_ONCE) return;
    const gone = this.#items.splice(0, tooMany);
    for (const { id, place, node, dayLine } of gone) {
      this.#byId.delete(id);
      if (place) this.#byOffset.delete(`${place.epoch}:${place.offset}`);
      if (node) this.#gone.push(node);
      if (dayLine) this.#freeDays.push(dayLine);
    }
    this.#touch(0);
    const last = gone.findLast(({ place }) => place);
    if (last) this.forgot(last.place);
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  /** What stands there is another, or looks different; so may the next message, by what stands before it now. */
  #touch(at) {
    let next = at + 1;
    while (next < this.#items.length && this.#items[next].kind !== 'message') next += 1;
    for (const place of [at, next]) if (this.#items[place]) this.#items[place].isStale = true;
    this.#draw();
  }

  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => { this.#drawing = false; this.#drawNow(); });
  }

  #drawNow() {
    const held = this.#following ? null : this.#firstInSight();
    for (const node of this.#gone.splice(0)) node.remove();
    let above = null;
    for (const [at, item] of this.#items.entries()) {
      if (item.isStale) this.#drawItem(item, at, above);
      above = item.node;
    }
    for (const line of this.#freeDays.splice(0)) line.remove();
    this.#empty.hidden = this.#items.some((item) => item.kind === 'message');
    if (this.#following) this.#toEnd();
    else if (held?.node.isConnected) this.scroller.scrollTop += held.node.getBoundingClientRect().bottom - held.bottom;
    this.#drawJump();
  }

  /** Brings up to date what stands below the node `above`: a line above the first message of a day, and an entry. */
  #drawItem(item, at, above) {
    item.isStale = false;
    item.node ??= item.kind === 'message' ? messageNode(item) : lineNode(item);
    if (item.kind !== 'message') return this.#put(item.node, above);
    let before = at - 1;
    while (before >= 0 && this.#items[before].kind !== 'message') before -= 1;
    const isFirst = before < 0 || dayOf(this.#items[before].time) !== dayOf(item.time);
    refresh(item, { follows: !isFirst && continues(this.#items[at - 1], item), resend: () => this.resend(item) });
    this.#putDay(item, isFirst ? dayOf(item.time) : null, above);
    this.#put(item.node, item.dayLine ?? above);
  }

  /** The line of a day stays when the message below it leaves the page: it is no news to who listens. */
  #putDay(item, day, above) {
    if (item.dayLine && item.dayLine.dataset.day !== day) {
      item.dayLine.remove();
      item.dayLine = null;
    }
    if (!day) return;
    item.dayLine ??= this.#freeDays.find((line) => line.dataset.day === day) ?? dayNode(item.time);
    this.#freeDays = this.#freeDays.filter((line) => line !== item.dayLine);
    this.#put(item.dayLine, above);
  }

  /** From the top down, which is the order in which they are read out. */
  #put(node, above) {
    if (node.parentNode === this.#list && node.previousSibling === above) return;
    if (above) above.after(node);
    else this.#list.prepend(node);
  }

  /** Where the reader is: the first entry that is not all above the window. A day's line may move, so it is none. */
  #firstInSight() {
    const { top } = this.scroller.getBoundingClientRect();
    const nodes = this.#list.children;
    let [low, high] = [0, nodes.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nodes[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    const node = nodes[low]?.dataset.kind === 'day' ? nodes[low + 1] : nodes[low];
    return node && { node, bottom: node.getBoundingClientRect().bottom }; // its head goes when its author's last message comes above it
  }

  #drawJump() {
    this.#jump.hidden = this.#following || this.#unseen === 0;
    this.#jump.textContent = `${this.#unseen} new message${this.#unseen === 1 ? '' : 's'} ↓`;
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#unseen = 0;
  }

  #onResize() {
    this.#size = this.#sizeNow();
    if (this.#following) this.#toEnd();
  }

  #sizeNow() { return [this.scroller.clientWidth, this.scroller.clientHeight].join(); }

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (clientHeight === 0) return; // not on screen: the browser resets the position, the reader did not move
    if (this.#size !== this.#sizeNow()) return; // nor by a window that is another: `#onResize` comes next
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (this.#following) this.#unseen = 0;
    if (this.#following) this.#trim();
    this.#drawJump();
  }
}

const continues = (before, item) => before?.kind === 'message' && before.name === item.name
  && before.mine === item.mine && item.time - before.time < GROUP_FOR;
