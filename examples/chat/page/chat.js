// The plain endpoint of examples.chat: what is typed goes out as it is, JSON comes in.
const lines = document.querySelector('#lines');
const [enter, say] = [document.querySelector('#enter'), document.querySelector('#say')];

function show(text, kind) {
  const line = document.createElement('li');
  line.textContent = text; // never as HTML: anybody may have written it
  line.className = kind;
  lines.append(line);
}

enter.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = document.querySelector('#name').value;
  const socket = new WebSocket(new URL(`chat/lobby/${encodeURIComponent(name)}`, location.href.replace(/^http/, 'ws')));
  socket.onopen = () => { enter.hidden = true; say.hidden = false; document.querySelector('#text').focus(); };
  socket.onclose = ({reason}) => { enter.hidden = false; say.hidden = true; show(reason || 'disconnected', 'problem'); };
  socket.onmessage = ({data}) => {
    const frame = JSON.parse(data);
    if (frame.text) show(`${frame.name}: ${frame.text}`, 'said');
    else if (frame.notice) show(`${frame.notice}, ${frame.count} here`, 'notice');
    else show(frame.refused, 'problem');
  };
  say.onsubmit = (submitted) => {
    submitted.preventDefault();
    socket.send(document.querySelector('#text').value);
    say.reset();
  };
});
