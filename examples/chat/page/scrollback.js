/**
 * What was said before: a screenful when a room is entered, and more of it whenever its reader scrolls up to the end.
 *
 * The server keeps the messages; the timeline shows each once, wherever it came from. So this only knows up to which
 * offset it has asked, and that what it asks for next ends before that.
 */

import { make } from './assets/entry.js';

const PAGE = 40; // messages: one screen, and one above it
const NEAR = 240; // CSS pixels from the top at which more is fetched: seldom seen by who scrolls in peace

export class Scrollback {
  #scroller; #fetch; #show; #oldest = null; #asking = null; #hole = null; #top = 0; #forgotten = null; #line = make('p', 'older');

  /**
   * `fetch({limit, since})` asks the server for what is before `since`; `show(event)` puts one on the page, and returns
   * false if it was there already.
   */
  constructor(scroller, { fetch, show }) {
    [this.#scroller, this.#fetch, this.#show] = [scroller, fetch, show];
    scroller.prepend(this.#line);
    scroller.addEventListener('scroll', () => this.#scroller.scrollTop < NEAR && this.more(), { passive: true });
  }

  /**
   * From the newest message on, `top` being its offset: after entering a room, and where the server could not tell what
   * was missed. What was shown before stays; between it and the newest is a hole, which is filled without being asked.
   */
  begin(top) {
    if (this.#hole) this.#hole = { back: null }; // the one before was not filled: nobody knows any more where it ends
    else if (this.#oldest) this.#hole = { back: [this.#oldest, this.isComplete] };
    [this.#top, this.#oldest, this.#asking, this.isComplete] = [top, null, null, false];
    return this.more();
  }

  /** After a loss of the connection, which may have taken the answer with it. */
  resume() {
    if (this.#hole || !this.#oldest) this.more();
  }

  /** The page keeps only so much: what it has forgotten, up to there, is fetched again by who scrolls up again. */
  forget(place) {
    this.#forgotten = place;
    this.#cutOff();
  }

  #cutOff() {
    if (!this.#forgotten) return;
    const { epoch, offset } = this.#forgotten;
    const isGone = (oldest) => oldest?.epoch === epoch && oldest.offset <= offset;
    const next = { epoch, offset: offset + 1 };
    if (isGone(this.#oldest)) { // what is being asked for stood above of it
      [this.#oldest, this.#hole, this.#asking, this.isComplete] = [next, null, null, false];
      this.#line.textContent = '';
    } else if (isGone(this.#hole?.back?.[0])) this.#hole.back = [next, false];
  }

  isComplete = true; // until `begin` there is nothing to ask for

  async more() {
    if (this.#asking || this.isComplete) return;
    this.#line.textContent = 'Fetching older messages…';
    const asking = (this.#asking = this.#fetch({ limit: PAGE, since: this.#oldest ?? undefined }));
    let trouble = '';
    const page = await asking.catch((error) => { trouble = error.message; });
    if (asking !== this.#asking) return; // `begin` was called meanwhile, and asks for something else
    this.#asking = null;
    if (trouble) return void (this.#line.textContent = `Older messages could not be fetched: ${trouble}`);
    this.#take(page);
    this.#line.textContent = this.isComplete && this.#oldest ? 'Nothing older than this is kept' : '';
    if (this.#hole) return void this.more();
    requestAnimationFrame(() => this.#isFilled() || this.more());
  }

  #take({ events, epoch }) {
    this.#forgotten = null;
    let isMet = false; // what is above `top` came by itself
    for (const event of events) if (!this.#show({ epoch, ...event }) && event.offset <= this.#top) isMet = true;
    if (events.length) this.#oldest = { epoch, offset: Math.min(...events.map(({ offset }) => offset)) };
    this.isComplete = events.length < PAGE;
    if (isMet && this.#hole?.back) [[this.#oldest, this.isComplete], this.#hole] = [this.#hole.back, null];
    else if (this.isComplete) this.#hole = null;
    this.#cutOff();
  }

  /** A tall window shows more than a page of messages: nobody can scroll there, so nobody would ask for more. */
  #isFilled() {
    const { scrollHeight, clientHeight } = this.#scroller;
    return clientHeight === 0 || scrollHeight > clientHeight + NEAR;
  }
}
