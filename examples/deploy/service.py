"""
The application that is deployed: none, so topics and limits of the file are all there is. Put your own here.

Named on purpose: `hubbub serve` without an application serves the demo, with its page and things to break.
"""

from __future__ import annotations

from gateway import Gateway

app = Gateway(title="service")
