/**
 * The field in which one writes. Each room has its own draft, which stays until the server has it: a message on its way,
 * or one that waits for the connection, is said again with the same id, so that what may have arrived comes once.
 */

const MAX_TEXT = 1000; // characters of one message; see messages.py

export class Composer {
  #field; #problem; #publish; #said; #room = null;

  /**
   * `publish(room, text, id)` asks the server, and rejects with what it was refused for. `said()` is called once it has
   * a message, `typed()` when something was typed.
   */
  constructor({ form, field, problem }, { publish, said, typed }) {
    [this.#field, this.#problem, this.#publish, this.#said] = [field, problem, publish, said];
    form.addEventListener('submit', (event) => { event.preventDefault(); this.say(); });
    field.addEventListener('keydown', (event) => this.#onKey(event));
    field.addEventListener('input', () => { this.#fit(); if (field.value.trim()) typed(); });
  }

  /** Shows the draft of another room, or of the same one again. */
  enter(room) {
    this.keep();
    this.#room = room;
    this.#field.value = room.draft;
    this.#field.readOnly = Boolean(room.attempt?.isUnderWay);
    this.#field.placeholder = `Message ${room.name}`;
    this.#fit();
    this.tell('');
  }

  /** What is in the field is the draft of the room on screen. */
  keep() {
    if (this.#room) this.#room.draft = this.#field.value;
  }

  focus() {
    this.#field.focus();
  }

  /** Beside the field. */
  tell(words) {
    this.#problem.textContent = words;
  }

  async say() {
    const [room, text] = [this.#room, this.#field.value.trim()];
    if (!text || this.#field.readOnly) return;
    const { length } = [...text];
    if (length > MAX_TEXT) return void this.tell(`not sent: it has ${length} characters, and a message at most ${MAX_TEXT}`);
    if (room.attempt?.text !== text) room.attempt = { text, id: crypto.getRandomValues(new Uint32Array(4)).join('-') };
    const { attempt } = room;
    attempt.isUnderWay = this.#field.readOnly = true;
    let trouble = '';
    try {
      await this.#publish(room, text, attempt.id);
      room.attempt = null;
      room.draft = '';
      if (room === this.#room) this.#field.value = '';
      this.#said();
    } catch (error) {
      attempt.waits = error.reason === 'disconnected';
      trouble = attempt.waits ? 'not sent yet: there is no connection' : why(error);
    }
    attempt.isUnderWay = false;
    if (room !== this.#room) return; // its own field is on screen again when it is entered
    this.#field.readOnly = false;
    this.#fit();
    this.tell(trouble);
  }

  /** What waited for the connection, unless it is another text by now. */
  sayWhatWaits(room) {
    if (room === this.#room && room.attempt?.waits && room.attempt.text === this.#field.value.trim()) this.say();
  }

  #onKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.say();
  }

  #fit() {
    this.#field.style.height = 'auto';
    this.#field.style.height = `${this.#field.scrollHeight + 2}px`;
  }
}

const why = ({ reason, message }) => `${reason === 'timeout' ? 'not confirmed' : 'not sent'}: ${message}`;
