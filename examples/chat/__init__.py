"""
A chat as a small product: accounts and logins, rooms, presence, who is typing, history, an admin.

    hubbub serve examples.chat:app                # then open http://127.0.0.1:8000, log in as Ada or Bob with "hubbub"
    python examples/chat/client.py --name Bob     # and this is for the terminal

Read `app.py` first: it says what there is. Then `rooms.py`, which is the chat itself.
"""

from __future__ import annotations

from .app import create_app

app = create_app()

__all__ = ["app", "create_app"]
