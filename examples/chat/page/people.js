/** Who is here: presence is of connections, so the tabs of one person are counted and shown once. */

import { avatar, make, nameNode } from './assets/entry.js';

export class People {
  #list; #putOut; #tabs = new Map();

  /** `putOut(user)` is called when an admin presses the button beside somebody. */
  constructor(list, { putOut }) {
    [this.#list, this.#putOut] = [list, putOut];
  }

  get count() { return this.#tabs.size; }

  /** Takes the users of all connections; returns who came and who went since the last time. */
  show(users, me = null) {
    const [before, now] = [this.#tabs, new Map()];
    for (const user of users) now.set(user, (now.get(user) ?? 0) + 1);
    this.#tabs = now;
    const order = [...now.keys()].sort((a, b) => (b === me?.name) - (a === me?.name) || a.localeCompare(b));
    this.#list.replaceChildren(...order.map((user) => this.#person(user, me)));
    const missing = (from, among) => [...from.keys()].filter((user) => !among.has(user));
    return { came: missing(now, before), went: missing(before, now) };
  }

  #person(user, me) {
    const tabs = this.#tabs.get(user);
    const node = make('li', '', avatar(user), nameNode('span', 'who', user),
      user === me?.name ? make('span', 'you', 'you') : null,
      tabs > 1 ? make('span', 'tabs', `${tabs} tabs`) : null,
      me?.is_admin && user !== me.name ? this.#button(user) : null);
    Object.assign(node.dataset, { name: user, tabs });
    return node;
  }

  #button(user) {
    const button = make('button', 'danger put-out', 'Put out');
    Object.assign(button, { type: 'button', onclick: () => this.#putOut(user) });
    button.setAttribute('aria-label', `Put ${user} out of this room`);
    return button;
  }
}
