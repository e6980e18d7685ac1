"""
The JavaScript client of Centrifuge, as npm has it, on a page of the gateway: cut its connection, see it recover.

    hubbub serve examples.centrifuge_js_client:app

Read `app.py`, then `page/client.js`.
"""

from __future__ import annotations

from .app import create_app

app = create_app()

__all__ = ["app", "create_app"]
