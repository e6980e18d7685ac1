"""`python -m examples.game`: as `hubbub serve examples.game:app`."""

from __future__ import annotations

import sys

from . import app

if __name__ == "__main__":
    sys.exit(app.run())
