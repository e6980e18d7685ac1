/**
 * What the pages of both clients show: messages with their offsets, who is here, how the connection is. And the proof:
 * every offset is compared with the one before it, so a gap or a repeat cannot hide.
 *
 * What it refuses to know: any wire. What it knows of itself is on `document.body.dataset`, for tests and for the style.
 */

/** Milliseconds the page stays away after a cut: three or four ticks. */
export const AWAY = 3500;

const MAX_ROWS = 200;
const page = document.body.dataset;

const WORDS = [['amber', 'brisk', 'calm', 'dusky', 'eager', 'fern', 'golden', 'hazel', 'ivory', 'jade', 'lunar', 'mellow'],
  ['badger', 'crane', 'dolphin', 'egret', 'finch', 'gecko', 'heron', 'ibis', 'lynx', 'marten', 'otter', 'puffin']];

/** Made up once per tab. */
export function myName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const made = `${pick(WORDS[0])} ${pick(WORDS[1])} ${Math.floor(10 + Math.random() * 90)}`;
  try { return (sessionStorage.name ??= made); } catch { return made; } // a browser that keeps nothing makes up another
}

function make(tag, className = '', ...children) {
  const node = Object.assign(document.createElement(tag), { className });
  node.append(...children);
  return node;
}

const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

export class Board {
  #last = 0; #first = Infinity; #gaps = 0; #repeats = 0; #missed = []; #cutAt = 0; #epoch = null; #top = null;
  #list = make('ol', 'rows'); #people = make('ul', 'people'); #count = make('span', 'quiet');
  #cut = make('button', 'danger', 'Cut my connection'); #outcome = make('p', 'outcome'); #problem = make('p', 'problem');
  #offset = make('dd', '', '–'); #checked = make('dd', '', '–'); #input = make('input'); #send = make('button', 'primary', 'Send');

  /** `cut` loses the transport underneath the client; `write(text)` publishes, and may reject. */
  constructor(root, { cut, write }) {
    Object.assign(this.#cut, { type: 'button', id: 'cut', disabled: true });
    Object.assign(this.#input, { id: 'text', maxLength: 200, placeholder: 'Write on the board', autocomplete: 'off' });
    Object.assign(this.#list, { tabIndex: 0, ariaLabel: 'Messages' });
    this.#outcome.id = 'outcome';
    this.#outcome.setAttribute('role', 'status');
    this.#problem.setAttribute('role', 'alert');
    this.#input.setAttribute('aria-label', 'Your message');
    root.append(this.#messages(write), make('aside', 'panel', this.#recovery(), this.#presence()));
    this.#cut.addEventListener('click', () => {
      this.#cutAt = performance.now();
      this.#outcome.textContent = 'cut; the ticker goes on without you…';
      cut();
    });
  }

  // --- the connection

  connected() { this.#become('connected', 'connected'); }

  connecting() { this.#become('connecting', this.#last ? 'coming back…' : 'connecting…'); }

  closed(reason) { this.#become('closed', reason || 'disconnected'); }

  /** All that was missed is here, or cannot be had any more. */
  back(recovered) {
    const away = ((performance.now() - this.#cutAt) / 1000).toFixed(1);
    page.recovered = recovered ? this.#missed.length : '';
    const got = this.#missed.length ? `: ${plural(this.#missed.length, 'message')} recovered` : ', nothing was missed';
    const after = this.#cutAt ? `back after ${away} s` : 'back';
    this.#outcome.dataset.lost = !recovered;
    this.#outcome.textContent = recovered ? after + got : `${after}; what was missed is not kept any more`;
    this.#missed = [];
    this.#cutAt = 0;
  }

  // --- messages

  /** The stream that follows; of another epoch, its offsets start again. Call it before anything of it is added. */
  stream(epoch) {
    if (epoch === this.#epoch) return;
    if (this.#epoch !== null) this.#list.append(make('li', 'divider', 'the server began a new history'));
    [this.#epoch, this.#last, this.#first, this.#top] = [epoch, 0, Infinity, null];
  }

  /** The latest that are kept, in any order; those that came live meanwhile are here already. */
  begin(kept) {
    const older = kept.filter(({ offset }) => offset < this.#first).sort((one, other) => one.offset - other.offset);
    const rows = older.map((one) => this.#row(one));
    if (this.#top) this.#top.before(...rows);
    else this.#list.append(...rows);
    this.#last = Math.max(this.#last, older.at(-1)?.offset ?? 0);
    this.#first = Math.min(this.#first, older[0]?.offset ?? Infinity);
    this.#top = rows[0] ?? this.#top;
    this.#shown();
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  add(message) {
    const { offset, recovered } = message;
    if (this.#last && offset > this.#last + 1) this.#gaps += offset - this.#last - 1;
    if (offset <= this.#last) this.#repeats += 1;
    this.#first = Math.min(this.#first, offset);
    this.#last = Math.max(this.#last, offset);
    if (recovered) this.#missed.push(offset);
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    const follows = scrollHeight - scrollTop - clientHeight < 80;
    const row = this.#row(message);
    this.#list.append(row);
    this.#top ??= row;
    while (this.#list.childElementCount > MAX_ROWS) this.#list.firstChild.remove();
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
    this.#shown();
  }

  say(problem) { this.#problem.textContent = problem; }

  people(names, mine) {
    this.#count.textContent = page.people = names.length;
    this.#people.replaceChildren(...names.sort().map((name) => make('li', '', make('i', 'face', [...name][0]),
      make('span', 'who', name), name === mine ? make('span', 'you', 'you') : '')));
  }

  // --- drawing

  #row({ offset, name, text, recovered }) {
    const row = make('li', 'row', make('span', 'offset', `${offset}`), make('b', 'name', String(name)),
      make('span', 'text', String(text)), recovered ? make('span', 'badge', 'recovered') : '');
    row.dataset.from = name === 'ticker' ? 'ticker' : 'people';
    row.dataset.recovered = Boolean(recovered);
    return row;
  }

  #shown() {
    page.offset = this.#offset.textContent = this.#last;
    page.wrong = this.#gaps + this.#repeats;
    this.#checked.textContent = page.wrong === '0' ? 'no gap, no repeat' : `${this.#gaps} missing, ${this.#repeats} repeated`;
    this.#checked.dataset.wrong = page.wrong !== '0';
  }

  #become(state, words) {
    page.state = state;
    document.getElementById('state').textContent = words;
    this.#cut.disabled = this.#input.disabled = this.#send.disabled = state !== 'connected';
  }

  #messages(write) {
    const form = make('form', 'composer', this.#input, this.#send);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (!text) return;
      this.#problem.textContent = this.#input.value = '';
      write(text).catch((error) => {
        this.say(error.message);
        this.#input.value ||= text; // unless something else is being written by now
      });
    });
    const head = make('div', 'head', make('h1', '', 'public:board'), make('p', 'quiet', 'a tick every second; the number is the offset'));
    return make('section', 'card messages', head, this.#list, form, this.#problem);
  }

  #recovery() {
    const pair = (word, value) => make('div', '', make('dt', '', word), value);
    const explain = 'Closes the WebSocket underneath the client, which knows nothing of it. It comes back after some seconds, '
      + 'names its last offset, and gets what it missed.';
    return make('section', 'card', make('h2', '', 'Recovery'), make('dl', '', pair('Last offset', this.#offset), pair('Checked', this.#checked)),
      this.#cut, make('p', 'explain', explain), this.#outcome);
  }

  #presence() {
    return make('section', 'card', make('h2', '', 'Who is here ', this.#count), this.#people);
  }
}
