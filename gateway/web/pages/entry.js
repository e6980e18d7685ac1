/**
 * One entry of a timeline as a node: a message, a notice about people, a line across the page. Text is never markup.
 *
 * What it refuses to know: where an entry stands, and what stands around it but for whether it goes on with the last.
 */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/** The name of a day, the same for all of it. */
export const dayOf = (time) => new Date(time * 1000).toDateString();

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

/** What `refresh` fills in is empty yet. */
export function messageNode(item) {
  const head = make('div', 'head', nameNode('b', 'author', item.name), make('time', 'time'));
  const text = make('p', 'text', item.text);
  const node = make('li', 'message', avatar(item.name), head, text, make('p', 'trouble'));
  node.dataset.author = item.name;
  node.dataset.mine = Boolean(item.mine);
  return node;
}

/** Only what looks different now. `follows`: the author's name stands above already; `resend` is for one that failed. */
export function refresh(item, { follows, resend }) {
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
  trouble.replaceChildren(words, ...(item.state === 'failed' ? [resendButton(resend)] : []));
}

function resendButton(resend) {
  const button = make('button', 'link', 'Send again');
  button.type = 'button';
  button.addEventListener('click', resend);
  return button;
}

/** The line above the first message of a day, which it names in `data-day`. */
export function dayNode(time) {
  const node = dividerNode('day', calendar.format(time * 1000));
  node.dataset.day = dayOf(time);
  return node;
}

function dividerNode(kind, title, explanation = null) {
  const node = make('li', 'divider', make('span', 'title', title), explanation && make('span', 'explanation', explanation));
  node.dataset.kind = kind;
  return node;
}

/** What is no message. */
export function lineNode(item) {
  if (item.kind === 'divider') return dividerNode(item.tone, item.text, item.explanation);
  const node = make('li', 'notice', make('span', '', item.text, item.others ? ` and ${item.others} more` : ''), make('time', 'time', clock.format(item.time * 1000)));
  node.dataset.tone = item.tone;
  if (item.others) node.setAttribute('aria-live', 'off'); // it is drawn anew with each: who listens has heard of some
  return node;
}
