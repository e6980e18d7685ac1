"""
An endpoint that is a function: what comes in goes out.

    hubbub serve examples.echo:app
    python -m websockets ws://127.0.0.1:8000/echo
"""

from __future__ import annotations

from gateway import Gateway, WebSocket

app = Gateway(title="echo")


@app.ws("/echo")
async def echo(ws: WebSocket) -> None:
    """Ends when the client does: the loop is over then, and nothing has to be cleaned up."""
    await ws.accept()
    async for frame in ws:
        await ws.send(frame.data)  # a text as a text, bytes as bytes


@app.ws("/count/{start}")
async def count(ws: WebSocket, start: int) -> None:
    """A path parameter that is no number is a 404, before this runs."""
    await ws.accept()
    async for _ in ws:
        start += 1
        await ws.send_json({"count": start})


if __name__ == "__main__":
    raise SystemExit(app.run())
