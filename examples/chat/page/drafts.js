/**
 * What was typed and not sent, over a login: a session may end in the midst of a sentence. It is kept in this tab alone,
 * for the same person, and until it is taken; who logs out leaves nothing.
 */

const KEY = 'chat.drafts';

/** `room` is the one on screen, `drafts` the text of each room that has one. A browser that keeps nothing loses them. */
export function keepDrafts(user, room, drafts) {
  try { sessionStorage[KEY] = JSON.stringify({ user, room, drafts }); } catch { /* full or forbidden */ }
}

/** The room and the drafts, once; null if there are none, or if they are of somebody else. */
export function takeDrafts(user) {
  try {
    const kept = JSON.parse(sessionStorage[KEY] ?? null);
    sessionStorage.removeItem(KEY);
    return kept?.user === user ? kept : null;
  } catch {
    return null;
  }
}
