/**
 * A client of the gateway's native wire (`gateway.v1`): rooms, replies as promises, presence, recovery.
 *
 * Rules of this file: one JSON object per text frame; every request has a deadline; a position is (epoch, offset) and
 * belongs to a room, not to a connection; what the server says and we do not know is ignored.
 *
 * Theory of operation: `join` records a wish. Each time a connection is ready (`hello`), every wished room is joined
 * again, with `since` if a position is known; the events missed follow the reply as ordinary events, and whatever is at
 * or below the last offset of its epoch is dropped, so a listener sees each event once. Lost connections come back
 * after a back-off with full jitter, unless the close code says that coming back is pointless.
 *
 * What it refuses to know: the DOM, and what the events mean. It keeps no messages either: what `publish` rejects with is
 * for the page to say again or not, and of rooms that the server joins it to by itself it hears only those it has joined.
 *
 * Events (`hub.on(name, listener)`, the listener gets the detail):
 *   state      {state, code, reason, retryAt}  connecting | connected | reconnecting | offline | closed
 *   hello      {client, ping}                  a connection is ready; its id is what an operator asks for
 *   joined     {room, reply, again, anew}      `again`: this client had been here before; `anew`: in another epoch.
 *                                              `again` without `reply.recovered`: what was missed is not kept (any more),
 *                                              so load the state afresh; `reply.missed` events follow otherwise
 *   caught_up  {room, reply}                   everything missed that there is has been delivered
 *   refused    {room, error}                   the room cannot be joined, and will not be tried again
 *   removed    {room, code, reason}            the server ended the membership, and it will not be joined again
 *   expiring   {in}                            in so many seconds the identity ends; `token` is asked for a newer one
 *   event      the frame: {room, event, payload, offset?, epoch?, time?, sender?}
 *   epoch      {room, from, to}                offsets started again: what was before is not in the server's history
 *   presence   {room, members, joins, leaves, reset}
 */

const CONNECT_TIMEOUT = 10; // seconds from the first byte to being ready, with the time that a token takes
const PROBE_TIMEOUT = 5; // seconds a connection that may be dead gets to prove otherwise
const STABLE_AFTER = 10; // seconds after which a connection counts as good and the back-off starts over

/** What a browser says of the network, and of a page that somebody looks at again: it may have slept. */
const SIGNS = ['online', 'offline', 'visibilitychange'];
const INVALID_TOKEN = 3500; // the close code of a token that is not believed; coming back would change nothing

/** What could not be done. `reason` is the wire's, or ours: `timeout`, `disconnected` (the outcome is then unknown). */
export class HubbubError extends Error {
  constructor(reason, message, { code = 0, temporary = true, retryAfter = null } = {}) {
    super(message || reason);
    Object.assign(this, { name: 'HubbubError', reason, code, temporary, retryAfter });
  }

  static fromReply({ error, retry_after: outer }) {
    const { reason = 'unknown', message, code, temporary = false, retry_after: inner } = error;
    return new HubbubError(reason, message, { code, temporary, retryAfter: inner ?? outer ?? null });
  }
}

/** Close codes after which the server does not want this client back: Centrifuge's ranges, and a message too big. */
export const isFinal = (code) => code === 1009 || (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000);

/** The address of the gateway that served this page. */
export function gatewayUrl(base = location.href) {
  const url = new URL('ws', base);
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = url.hash = '';
  return url.href;
}

export class Hubbub {
  #url; #token; #timeout; #backoff; #target = new EventTarget();
  #socket = null; #pending = new Map(); #rooms = new Map(); #lastRef = 0;
  #state = 'closed'; #attempts = 0; #readyAt = 0; #heardAt = 0; #ping = 25; #wentOffline = false;
  #retryTimer = 0; #deadline = 0; #silence = 0;
  /** What the server knows this page by across its connections: what it repeats after a cut comes once. */
  #session = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

  /**
   * `timeout`: seconds for a reply. `backoff`: seconds; 10 at most, so a person sees the page return. `token`: a function,
   * mostly an async one, that gets a token for this user: asked on each connection, ahead of the joins, and again before
   * the token ends. If it throws, the connection is tried again; a token that is not believed closes for good (3500).
   */
  constructor({ url = gatewayUrl(), token = null, timeout = 10, backoff: { min = 0.5, max = 10 } = {} } = {}) {
    [this.#url, this.#token, this.#timeout, this.#backoff] = [url, token, timeout, { min, max }];
  }

  /** The last `state` that was told; `closed` before `connect()`. */
  get state() { return this.#state; }
  client = null; // the id of the current connection; kept while there is none, for asking what happened to it

  /** Any number of listeners for a name, for as long as this client lives. */
  on(name, listener) {
    this.#target.addEventListener(name, ({ detail }) => listener(detail));
    return this;
  }

  /** Connects now, also in the middle of a back-off. Does nothing while connected or connecting; throws if `url` is none. */
  connect() {
    if (this.#socket) return;
    const socket = (this.#socket = new WebSocket(this.#url, ['gateway.v1']));
    clearTimeout(this.#retryTimer);
    const mine = (handler) => (event) => socket === this.#socket && handler(event);
    socket.onopen = mine(() => socket.protocol !== 'gateway.v1' && this.#greeted({}));
    socket.onmessage = mine(({ data }) => this.#onText(data));
    socket.onclose = mine(({ code, reason }) => this.#lost(code, reason));
    this.#expect(CONNECT_TIMEOUT);
    for (const sign of SIGNS) globalThis.addEventListener?.(sign, this.#onSign);
    this.#become('connecting'); // who is told may close it again
  }

  /** Ends the connection and stays away until `connect()`. Rooms and positions are kept. */
  close(reason = 'closed by this client') {
    this.#drop();
    clearTimeout(this.#retryTimer);
    this.#become('closed', { code: 1000, reason });
  }

  /** Loses the connection on purpose: no leave, no last words; what follows is what follows any loss. */
  cut() {
    if (this.#socket) this.#lost(1006, 'cut on purpose');
  }

  /**
   * Wishes to be in `room`, now and after each reconnect. Resolves with the reply, or with null if there is no
   * connection: the room is joined once there is one. `info` travels to the other members as presence, `data` to the
   * code of the room. `token` is the room's own: a text, or a function that gets one, asked on each join; if it throws,
   * the room is joined a little later.
   */
  async join(room, { info, data, token, presence = true } = {}) {
    const known = this.#rooms.get(room) ?? { room, epoch: null, offset: 0, members: new Map(), joined: false };
    this.#rooms.set(room, Object.assign(known, { info, data, token, presence, wished: true }));
    return this.#state === 'connected' ? this.#enter(known) : null;
  }

  /** Leaves `room`; with `keepPosition` a later join recovers what happened in between. */
  async leave(room, { keepPosition = false } = {}) {
    const known = this.#rooms.get(room);
    if (!known) return;
    known.joined = known.wished = false;
    clearTimeout(known.retry);
    if (!keepPosition) this.#rooms.delete(room);
    if (this.#state === 'connected') await this.request({ action: 'leave_room', room });
  }

  /**
   * Resolves once the server has it, with its `offset`, or with what a room's code has answered as `payload`. Rejects at
   * once while there is no connection. `id` makes it safe to publish again what may have arrived.
   */
  publish(room, event, payload, { id } = {}) {
    return this.request({ action: 'publish', room, event, payload, id });
  }

  /** Resolves with `events` that are kept, the newest first unless `reverse` is false, and the stream's `epoch`. */
  history(room, { limit = 50, since, reverse = true } = {}) {
    return this.request({ action: 'history', room, limit, since, reverse });
  }

  /** Resolves with the `members` of now; who joins with `presence` is told anyway. */
  presence(room) {
    return this.request({ action: 'presence', room });
  }

  /** Sends a frame and resolves with its reply; rejects with `HubbubError`. Absent values are left out. */
  request(frame, { timeout = this.#timeout } = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new HubbubError('disconnected'));
    const ref = ++this.#lastRef;
    return new Promise((resolve, reject) => {
      const text = JSON.stringify({ ...frame, ref }); // throws, and the promise rejects, for what is no JSON
      const late = () => {
        this.#settle(ref, (wait) => wait.reject(new HubbubError('timeout', `no reply in ${timeout} s`)));
        this.#probe(); // nothing closes a connection in a tunnel
      };
      this.#pending.set(ref, { resolve, reject, timer: setTimeout(late, timeout * 1000) });
      this.#socket.send(text);
    });
  }

  // --- frames -------------------------------------------------------------------------------------------------------

  #onText(text) {
    this.#heardAt = performance.now();
    if (this.#state === 'connected' && this.#deadline) this.#calm(); // whatever comes, and be it a refusal, is a sign of life
    let frame;
    try { frame = JSON.parse(text); } catch { return; }
    if (frame === null || typeof frame !== 'object') return;
    if (frame.ref !== undefined) this.#onReply(frame);
    else if (frame.action === 'hello') this.#greeted(frame);
    else if (frame.action === 'event') this.#onEvent(frame);
    else if (frame.action === 'presence' && frame.status === undefined) this.#onPresence(frame);
    else if (frame.action === 'unsubscribed') this.#onRemoved(frame);
    else if (frame.action === 'expiring') this.#onExpiring(frame);
    else if (frame.action === 'ping') this.#socket.send('{"action":"pong"}');
  }

  #onReply(frame) {
    const settle = frame.status === 'error' && frame.error
      ? (wait) => wait.reject(HubbubError.fromReply(frame))
      : (wait) => wait.resolve(frame);
    this.#settle(frame.ref, settle, frame);
  }

  /**
   * Joins take effect in the frame's own turn: events right behind the reply must find the new position. Also where the
   * promise is over, on a slow network: only the reply says whether there is a gap.
   */
  #settle(ref, settle, frame) {
    const wait = this.#pending.get(ref);
    this.#pending.delete(ref);
    clearTimeout(wait?.timer);
    if (frame?.status === 'joined') this.#onJoined(frame);
    if (wait) settle(wait);
  }

  #onEvent(frame) {
    const known = this.#rooms.get(frame.room);
    if (!known) return;
    if (frame.offset === undefined) return this.#emit('event', frame); // ephemeral: no position, never repeated
    if (frame.epoch !== undefined && frame.epoch !== known.epoch) this.#startEpoch(known, frame.epoch, frame.offset - 1);
    if (frame.offset <= known.offset) return;
    known.offset = frame.offset;
    this.#emit('event', frame);
  }

  #startEpoch(known, epoch, offset) {
    const from = known.epoch;
    Object.assign(known, { epoch, offset });
    if (from !== null) this.#emit('epoch', { room: known.room, from, to: epoch });
  }

  #onPresence({ room, state, joins = [], leaves = [] }) {
    const known = this.#rooms.get(room);
    if (!known) return;
    if (state) known.members = new Map(state.map((entry) => [entry.client, entry]));
    for (const { client } of leaves) known.members.delete(client);
    for (const entry of joins) known.members.set(entry.client, entry);
    this.#emit('presence', { room, members: [...known.members.values()], joins, leaves, reset: Boolean(state) });
  }

  #onRemoved({ room, code, reason, retry }) {
    const known = this.#rooms.get(room);
    if (!known) return;
    known.joined = false;
    if (retry && known.wished) return this.#enterAfter(known, this.#jitter(3)); // all who were in it are told at once
    this.#rooms.delete(room);
    this.#emit('removed', { room, code, reason });
  }

  // --- rooms --------------------------------------------------------------------------------------------------------

  async #enter(known) {
    clearTimeout(known.retry);
    known.askedOn = this.#socket;
    try {
      const token = typeof known.token === 'function' ? await this.#tokenOf(known) : known.token;
      const { room, info, data, presence, epoch, offset, wished } = known;
      if (!wished) throw new HubbubError('left', 'left before it was joined');
      const since = epoch === null ? undefined : { epoch, offset };
      if (!since) known.firstRef = this.#lastRef + 1;
      return await this.request({ action: 'join_room', room, presence, info, data, token, since, session: this.#session });
    } catch (error) {
      if (error.reason !== 'disconnected') this.#onRefused(known, error);
      throw error;
    }
  }

  async #tokenOf({ room, token }) {
    try { return await token(); } catch (error) { throw new HubbubError('no_token', `no token for ${room}: ${error}`); }
  }

  #onRefused(known, error) {
    if (this.#rooms.get(known.room) !== known || !known.wished) return;
    if (error.temporary) return this.#enterAfter(known, error.retryAfter ?? this.#jitter(3));
    this.#rooms.delete(known.room);
    this.#emit('refused', { room: known.room, error });
  }

  /** Joins in so many seconds, if it is still to be joined then. */
  #enterAfter(known, seconds) {
    const again = () => this.#state === 'connected' && !known.joined && this.#enter(known).catch(() => {});
    clearTimeout(known.retry);
    known.retry = setTimeout(again, 1000 * seconds);
  }

  #onJoined(reply) {
    const known = this.#rooms.get(reply.room);
    if (!known) return;
    const again = known.epoch !== null && reply.ref > known.firstRef; // of two at once the second named no position either
    const anew = again && known.epoch !== reply.epoch;
    known.joined = true;
    // recovered: the missed events move our position; otherwise the stream starts, for us, at its top
    if (!reply.recovered && reply.epoch === known.epoch) known.offset = reply.offset;
    else if (!reply.recovered) this.#startEpoch(known, reply.epoch, reply.offset);
    this.#emit('joined', { room: known.room, reply, again, anew });
    const done = () => this.#emit('caught_up', { room: known.room, reply });
    // the missed events were queued with the reply, so the answer to anything sent now comes behind them
    if (reply.missed) this.request({ action: 'ping' }).then(done, ({ reason }) => reason !== 'disconnected' && done());
    else done();
  }

  // --- the connection -----------------------------------------------------------------------------------------------

  /** Says who it is, if it has a token, and is ready then: nothing may be asked ahead of that. */
  #greeted(hello) {
    if (!this.#token) return this.#ready(hello);
    const socket = this.#socket;
    const mine = (act) => (given) => socket === this.#socket && act(given);
    const isFinal = ({ reason, temporary }) => temporary === false && reason !== 'token_expired';
    this.#authenticate().then(
      mine(() => this.#ready(hello)),
      mine((error) => this.#lost(isFinal(error) ? INVALID_TOKEN : 1006, error.message || 'no token')),
    );
  }

  async #authenticate() {
    return this.request({ action: 'auth', token: await this.#token() });
  }

  /** Without a newer token the connection ends when this one does, and the next one asks for it again. */
  #onExpiring({ in: seconds }) {
    this.#emit('expiring', { in: seconds });
    if (this.#token) this.#authenticate().catch(() => {});
  }

  #ready({ client = null, ping = 25 }) {
    this.#calm();
    [this.client, this.#ping, this.#readyAt, this.#heardAt] = [client, ping, performance.now(), performance.now()];
    this.#wentOffline = false;
    clearInterval(this.#silence);
    this.#silence = setInterval(() => this.#onSilence(), ping * 1000);
    this.#become('connected');
    this.#emit('hello', { client, ping });
    for (const known of this.#rooms.values()) { // but for those that a listener has just joined; `refused` tells
      if (known.wished && known.askedOn !== this.#socket) this.#enter(known).catch(() => {});
    }
  }

  #lost(code, reason) {
    const lived = this.#state === 'connected' ? (performance.now() - this.#readyAt) / 1000 : 0;
    this.#drop();
    if (isFinal(code)) return this.#become('closed', { code, reason });
    this.#attempts = lived > STABLE_AFTER ? 1 : this.#attempts + 1;
    const delay = this.#wentOffline ? this.#backoff.max : this.#jitter(this.#attempts);
    this.#retryTimer = setTimeout(() => this.connect(), delay * 1000);
    const retryAt = Date.now() + delay * 1000;
    this.#become(this.#wentOffline ? 'offline' : 'reconnecting', { code, reason, retryAt });
  }

  /** Forgets the socket first, so that nothing of it is heard again, then closes it. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#calm();
    clearInterval(this.#silence);
    for (const known of this.#rooms.values()) known.joined = false;
    for (const ref of [...this.#pending.keys()]) {
      this.#settle(ref, (wait) => wait.reject(new HubbubError('disconnected', 'the connection was lost')));
    }
    socket?.close();
  }

  /** Uniform between `min` and the exponential bound: clients of a restarted server must not return in step. */
  #jitter(attempt) {
    const { min, max } = this.#backoff;
    return min + Math.random() * (Math.min(max, min * 2 ** attempt) - min);
  }

  #expect(seconds) {
    this.#calm();
    this.#deadline = setTimeout(() => this.#lost(1006, 'no answer from the server'), seconds * 1000);
  }

  #calm() {
    clearTimeout(this.#deadline);
    this.#deadline = 0;
  }

  /** Browsers do not show RFC 6455 pings, so a silent connection is asked; a dead one would look alive for minutes. */
  #onSilence() {
    if (performance.now() - this.#heardAt >= this.#ping * 900) this.#probe();
  }

  /** Who is being asked is not given more time by being asked again. */
  #probe() {
    if (this.#state !== 'connected' || this.#deadline) return;
    this.#expect(PROBE_TIMEOUT);
    this.request({ action: 'ping' }).catch(() => {});
  }

  /** The browser's opinion of the network is a hint only: a gateway on this machine needs none. */
  #onSign = ({ type, target }) => {
    if (type !== 'visibilitychange') this.#wentOffline = type === 'offline';
    if (this.#state === 'connected' && !target.hidden) this.#probe(); // hidden, it may be frozen ahead of the answer
    else if (type === 'online') this.connect();
  };

  #become(state, detail = {}) {
    this.#state = state;
    if (state === 'closed') for (const sign of SIGNS) globalThis.removeEventListener?.(sign, this.#onSign);
    this.#emit('state', { state, code: null, reason: '', retryAt: null, ...detail });
  }

  #emit(name, detail) {
    this.#target.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
