/**
 * What was said before: a screenful when a room is entered, and more of it whenever its reader scrolls up to the end.
 *
 * The server keeps the messages; the timeline shows each once, wherever it came from. So this only knows up to which
 * offset it has asked, and that what it asks for next ends before that.
 */

import { make } from './assets/timeline.js';

const PAGE = 40; // messages: one screen, and one above it
const NEAR = 240; // CSS pixels from the top at which more is fetched: seldom seen by who scrolls in peace

export class Scrollback {
  #scroller; #fetch; #show; #oldest = null; #asking = null; #line = make('p', 'older');

  /** `fetch({limit, since})` asks the server for what is before `since`; `show(event)` puts one on the page. */
  constructor(scroller, { fetch, show }) {
    [this.#scroller, this.#fetch, this.#show] = [scroller, fetch, show];
    scroller.prepend(this.#line);
    scroller.addEventListener('scroll', () => this.#scroller.scrollTop < NEAR && this.more(), { passive: true });
  }

  /** From the newest message on: after entering a room, and where the server could not tell what was missed. */
  begin() {
    [this.#oldest, this.#asking, this.isComplete] = [null, null, false];
    return this.more();
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
    requestAnimationFrame(() => this.#isFilled() || this.more());
  }

  /** What the reader looks at stays where it is: what comes above it only makes the page longer. */
  #take({ events, epoch }) {
    const below = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    for (const event of events) this.#show({ epoch, ...event });
    if (events.length) this.#oldest = { epoch, offset: Math.min(...events.map(({ offset }) => offset)) };
    this.isComplete = events.length < PAGE;
    queueMicrotask(() => { this.#scroller.scrollTop = this.#scroller.scrollHeight - below; }); // after it was drawn
  }

  /** A tall window shows more than a page of messages: nobody can scroll there, so nobody would ask for more. */
  #isFilled() {
    const { scrollHeight, clientHeight } = this.#scroller;
    return clientHeight === 0 || scrollHeight > clientHeight + NEAR;
  }
}
