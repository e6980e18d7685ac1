"""Document B, "Best Practices" 4, 5 and 7: its subclasses of a channel are settings here, for every endpoint."""

from __future__ import annotations

from gateway import Bearer, Gateway, HeartbeatConfig, IsAuthenticated, LimitRate, WebSocket


async def verify_token(token: str) -> str | None:
    return "ada" if token == "open-sesame" else None


app = Gateway(
    middleware=[LimitRate(messages=100, per=60)],  # 100 messages per minute
    heartbeat=HeartbeatConfig(ping_interval=30.0, app_ping=True),
)


@app.ws("/open")
async def anybody(channel: WebSocket):
    await channel.accept()
    async for message in channel:
        await channel.send(message.text())


@app.ws("/secure", authenticators=[Bearer(verify_token)], permissions=[IsAuthenticated()])
async def secure(channel: WebSocket):
    await channel.accept()
    await channel.send(f"hello {channel.principal.id}")
