// wscat, driven as a person would: frames that it sends when it connects, and lines that are typed.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { address, tokenOf } from "./gateway.mjs";
import { Journal, within } from "./waiting.mjs";

const WSCAT = fileURLToPath(new URL("../node_modules/.bin/wscat", import.meta.url));

/** The options that make it a user of that name. */
export const as = (user, claims = {}) => ["--header", `Authorization: Bearer ${tokenOf({ sub: user, ...claims })}`];

/**
 * wscat, told to connect, to send these frames and to stay. It is ended with the test.
 *
 * @returns its output in `frames`, its complaints in `complaints`, and `ended`, which resolves when it has ended.
 */
export function wscat(t, sent, { through, options = [] } = {}) {
  const commands = sent.flatMap((frame) => ["--execute", JSON.stringify(frame)]);
  return started(t, ["--connect", address("/ws", through), "--wait", "-1", ...commands, ...options]);
}

/**
 * wscat that sends each line that it is told with `type`, which knows JSON; connected, as it was greeted.
 *
 * @returns as `wscat`, and `pushed`, a journal of the frames that answer nothing, and `ask`, which types a command with
 *     a `ref` and resolves with its answer.
 */
export async function terminal(t, { through, options = [] } = {}) {
  const child = started(t, ["--connect", address("/ws", through), "--subprotocol", "gateway.v1", ...options]);
  const pushed = new Journal();
  const answers = new Map();
  child.onFrame = (frame) => (frame.ref === undefined ? pushed.add(frame) : answers.get(frame.ref)?.(frame));
  await pushed.untilCount(1); // the greeting: what is typed before it is connected is lost
  pushed.entries.shift();
  let last = 0;
  const type = (frame) => child.stdin.write(`${JSON.stringify(frame)}\n`);
  const ask = (command) => {
    const ref = (last += 1);
    const answered = new Promise((resolve) => answers.set(ref, resolve));
    type({ ...command, ref });
    return within(answered, `an answer to ${command.action}`).finally(() => answers.delete(ref));
  };
  return { ...child, pushed, type, ask };
}

function started(t, options) {
  const child = spawn(WSCAT, options);
  t.after(() => child.kill());
  const found = { frames: new Journal(), complaints: new Journal(), stdin: child.stdin, onFrame: () => {} };
  found.kill = () => child.kill();
  child.stdin.on("error", () => {}); // it has ended, and `ended` says so
  createInterface({ input: child.stdout }).on("line", (line) => {
    const frame = shown(line);
    found.frames.add(frame);
    found.onFrame(frame);
  });
  createInterface({ input: child.stderr }).on("line", (line) => found.complaints.add(line));
  found.ended = new Promise((resolve) => child.on("close", resolve)); // after all of its output
  return found;
}

/** A line behind the prompts that it writes for what was typed: a frame, or words of its own. */
function shown(line) {
  const text = line.replace(/^(> )+/, "");
  return text.startsWith("{") ? JSON.parse(text) : text;
}
