// ws, the WebSocket library of Node: a broadcast is a loop of sends that do not wait. argv: port.
'use strict';
const { WebSocket, WebSocketServer } = require('ws');

const rooms = new Map();

function join(ws, path) {
  if (!rooms.has(path)) rooms.set(path, new Set());
  const members = rooms.get(path);
  members.add(ws);
  ws.on('close', () => members.delete(ws));
  ws.on('message', (data, binary) => {
    for (const member of members) if (member.readyState === WebSocket.OPEN) member.send(data, { binary });
  });
}

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 });
server.on('connection', (ws, request) => {
  ws.on('error', () => ws.terminate());
  if (request.url.startsWith('/room/')) join(ws, request.url);
  else ws.on('message', (data, binary) => ws.send(data, { binary }));
});
