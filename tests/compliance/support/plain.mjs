// A WebSocket without a client library: what it hears is in `frames`, decoded if it is JSON.

import WebSocket from "ws";
import { Journal, within } from "./waiting.mjs";

export async function plainSocket(t, url, options) {
  const socket = new WebSocket(url, options);
  t.after(() => socket.terminate());
  socket.frames = new Journal();
  socket.on("message", (data, isBinary) => socket.frames.add(isBinary ? data : JSON.parse(data)));
  socket.on("upgrade", ({ headers }) => (socket.connection = headers["hubbub-connection"]));
  socket.say = (value) => socket.send(JSON.stringify(value));
  const opened = new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  await within(opened, `${url} to open`);
  return socket;
}
