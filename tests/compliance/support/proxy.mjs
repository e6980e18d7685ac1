// A TCP proxy that cuts: at any byte, in both directions at once, as a lost network does.

import { once } from "node:events";
import net from "node:net";
import { port as gatewayPort } from "./gateway.mjs";
import { within } from "./waiting.mjs";

export class Proxy {
  #server = net.createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  #pairs = new Set();
  #held = [];
  #isHolding = false;
  #left = Infinity;
  #onCut = () => {};

  /** Starts one that ends with the test. */
  static async to(t, port = gatewayPort) {
    const proxy = new Proxy();
    proxy.target = port;
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    t.after(() => proxy.#end());
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Resets every connection on both sides; bytes under way are lost. */
  cut() {
    this.#left = Infinity;
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
    this.#pairs.clear();
    this.#onCut();
  }

  /** Cuts when so many more bytes of the server have passed: in the middle of a frame as often as not. */
  cutAfter(bytes, patience) {
    const happened = new Promise((resolve) => (this.#onCut = resolve));
    this.#left = bytes;
    return within(happened, `${bytes} bytes of the server to cut after`, patience);
  }

  /** Passes nothing more over the connections that there are, and says nothing: a cable that was pulled. */
  silence() {
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** From now on who connects has to wait for `release`. */
  hold() {
    this.#isHolding = true;
  }

  release() {
    this.#isHolding = false;
    for (const socket of this.#held.splice(0)) this.#connect(socket);
  }

  #accept(socket) {
    socket.on("error", () => {}); // a reset is what this proxy is for
    if (this.#isHolding) this.#held.push(socket);
    else this.#connect(socket);
  }

  #connect(client) {
    if (client.destroyed) return;
    const server = net.connect(this.target, "127.0.0.1");
    const pair = [client, server];
    this.#pairs.add(pair);
    server.on("error", () => {});
    server.on("data", (data) => this.#pass(client, data));
    client.on("data", (data) => server.write(data));
    for (const socket of pair) {
      socket.on("close", () => {
        this.#pairs.delete(pair);
        for (const end of pair) end.destroySoon();
      });
    }
    client.resume();
  }

  #pass(client, data) {
    if (data.length < this.#left) {
      this.#left -= data.length;
      client.write(data);
      return;
    }
    // written, then reset: what the client's kernel has by then it may read, the rest it never gets
    client.write(data.subarray(0, this.#left), () => this.cut());
    this.#left = Infinity;
  }

  #end() {
    this.#server.close();
    for (const socket of this.#held) socket.destroy();
    this.cut();
  }
}
