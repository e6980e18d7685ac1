// The gateway under test, as the runner started it, and the tokens that it believes.

import { createHmac, randomBytes } from "node:crypto";

const { GATEWAY_PORT, GATEWAY_SECRET } = process.env;
if (!GATEWAY_PORT || !GATEWAY_SECRET) {
  throw new Error("could not find the gateway: GATEWAY_PORT or GATEWAY_SECRET is not set; use run_clients.sh");
}

export const port = Number(GATEWAY_PORT);
export const SECRET = GATEWAY_SECRET;

/** The address of a wire; through a proxy if its port is given. */
export const address = (path, through = port) => `ws://127.0.0.1:${through}${path}`;

/** A topic that no other test knows. */
export const topicOf = (kind = "public") => `${kind}:${randomBytes(6).toString("hex")}`;

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/**
 * A JWT signed with HS256.
 *
 * @param {object} claims - `exp` is added unless it is there: in an hour.
 * @param {string} secret - Another one makes a token that the gateway must refuse.
 */
export function tokenOf(claims, secret = SECRET) {
  const said = { exp: secondsFromNow(3600), ...claims };
  const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded(said)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** Whole seconds since 1970, as `exp` is written: so many from now, or a part of one more. */
export const secondsFromNow = (seconds) => Math.ceil(Date.now() / 1000) + seconds;

/** Seconds of a token that is meant to run out: enough to come in with it on a loaded machine, and soon over. */
export const SOON = 4;
