"""
A live chart: a supervised feed publishes prices to a channel, fails every so often, and comes back.

    hubbub serve examples.ticker:app
    python -m examples.ticker

Open the page, press *Crash the feed* and *Cut my connection*: a crash is a marked gap, a cut leaves none.
"""

from __future__ import annotations

from .market import create_app

app = create_app()

__all__ = ["app", "create_app"]
