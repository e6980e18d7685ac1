/** Whose page this is, which only HTTP can tell: a socket that is refused for it looks like any other loss. */

const ASK_AGAIN = 3; // seconds
const PATIENCE = 10; // seconds for an answer: a network that swallows everything says nothing either

export const LOGGED_OUT = 4501; // the close code of a session that has ended; see website.py

export const leavePage = (why) => location.replace(`login.html${why && `#${why}`}`);

/** Null if there is no answer. Who is nobody any more is led to the login by `leave()`, and nothing goes on here. */
export async function whoAmI(leave) {
  const answer = await ask('me');
  if (answer?.status !== 401) return answer?.ok ? answer.json() : null;
  leave();
  return new Promise(() => {});
}

/** As often as it takes: a server that is just started anew has no answer yet. `silent(again)` may show a button. */
export async function whoAmIAtLast(leave, silent) {
  for (;;) {
    const found = await whoAmI(leave);
    if (found) return found;
    await new Promise((again) => { silent(again); setTimeout(again, 1000 * ASK_AGAIN); });
  }
}

/** Whether the session has ended, which the server must have said: until then its cookie lets in who comes next. */
export async function logOut() {
  const answer = await ask('logout', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
  return Boolean(answer?.ok);
}

/** Null if there is no answer. */
const ask = (path, options) => fetch(path, { signal: AbortSignal.timeout(1000 * PATIENCE), ...options }).catch(() => null);
