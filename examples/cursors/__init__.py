"""
Shared cursors: everybody's pointer on one page. Only where a pointer is now counts, so who reads slowly gets just that.

    hubbub serve examples.cursors:app

Read `app.py`, then `robots.py`, which names what its messages are the latest value of.
"""

from __future__ import annotations

from .app import create_app

app = create_app()

__all__ = ["app", "create_app"]
