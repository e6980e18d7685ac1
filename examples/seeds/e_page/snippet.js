// The snippet of document E. What it sends at once waits for the open socket here, as browsers want.

// Connect to WebSocket
const ws = new WebSocket(`ws://${location.host}/ws`);

ws.onopen = () => {
    // Join a room
    ws.send(JSON.stringify({
        action: 'join_room',
        room: 'general'
    }));

    // Subscribe to chat channel
    ws.send(JSON.stringify({
        action: 'subscribe',
        channel: 'chat'
    }));

    // Send a chat message
    ws.send(JSON.stringify({
        action: 'chat',
        user: 'John',
        message: 'Hello everyone!'
    }));
};

// Handle incoming messages
ws.onmessage = (event) => {
    const data = JSON.parse(event.data);
    console.log('Received:', data);
};
