/** Logs in, or makes an account: the cookie that comes back is out of reach for scripts, and all that there is to keep. */

const $ = (id) => document.getElementById(id);
const WHY = { 'logged-out': 'You are logged out.', expired: 'Your session has ended. Log in again to go on.' };

const PATIENCE = 20; // seconds: passwords are hashed one by one

const why = Object.hasOwn(WHY, location.hash.slice(1)) && WHY[location.hash.slice(1)];
if (why) Object.assign($('why'), { textContent: why, hidden: false });

async function enter(path) {
  if (!$('form').reportValidity()) return;
  for (const button of $('form').querySelectorAll('button')) button.disabled = true;
  const problem = await post(path, { name: $('name').value.trim(), password: $('password').value });
  if (!problem) return location.replace('./');
  for (const button of $('form').querySelectorAll('button')) button.disabled = false;
  $('problem').textContent = problem;
  $('password').select();
}

/** What is wrong, in words; empty if nothing is. */
async function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  try {
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(1000 * PATIENCE) });
    return answer.ok ? '' : (await answer.json()).error;
  } catch {
    return 'The server does not answer. Is it running?';
  }
}

$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  enter('login');
});
$('signup').addEventListener('click', () => enter('signup'));
$('name').focus();
