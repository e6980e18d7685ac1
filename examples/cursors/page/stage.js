/** Pointers on the stage, and the rings around where the slow reader believes them to be. Knows no wire. */

export class Stage {
  #root; #pointers = new Map(); #rings = new Map();

  constructor(root) {
    this.#root = root;
  }

  /** `x` and `y` are parts of the stage; its style turns them into pixels, whatever its size. */
  move(pointer, { x, y }, { name, hue, robot = false }) {
    let node = this.#pointers.get(pointer);
    if (!node) {
      node = this.#add(this.#pointers, pointer, robot ? 'pointer robot' : 'pointer');
      node.append(...['i', 'span'].map((tag) => document.createElement(tag)));
    }
    node.style.setProperty('--hue', hue);
    node.lastChild.textContent = name;
    place(node, x, y);
    node.classList.toggle('at-right', x > 0.75); // its name stands where there is room for it
    node.classList.toggle('at-bottom', y > 0.9);
  }

  /** All of them: [pointer, {x, y}, hue]. */
  rings(entries) {
    const there = new Set();
    for (const [pointer, { x, y }, hue] of entries) {
      there.add(pointer);
      const node = this.#rings.get(pointer) ?? this.#add(this.#rings, pointer, 'ring');
      node.style.setProperty('--hue', hue);
      place(node, x, y);
    }
    for (const pointer of this.#rings.keys()) if (!there.has(pointer)) take(this.#rings, pointer);
  }

  remove(pointer) {
    take(this.#pointers, pointer);
    take(this.#rings, pointer);
  }

  clear() {
    for (const pointer of this.#pointers.keys()) take(this.#pointers, pointer);
    this.rings([]);
  }

  #add(into, pointer, className) {
    const node = Object.assign(document.createElement('div'), { className });
    into.set(pointer, node);
    this.#root.append(node);
    return node;
  }
}

function place(node, x, y) {
  node.style.setProperty('--x', x);
  node.style.setProperty('--y', y);
}

function take(from, pointer) {
  from.get(pointer)?.remove();
  from.delete(pointer);
}
