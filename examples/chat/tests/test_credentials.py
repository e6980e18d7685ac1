"""What is taken for somebody's name and password: JSON of our own pages."""

from __future__ import annotations

from gateway import Gateway

from .conftest import Serve, Visit


async def test_another_site_cannot_log_anybody_in_or_out(gateway: Serve, app: Gateway, visit: Visit) -> None:
    """Its origin gives it away; what is no JSON of ours is refused too."""
    async with gateway(app) as server, visit(server.url) as site:
        for path in ("/login", "/signup", "/logout"):
            assert (await site.post(path, {"name": "Ada", "password": "hubbub"}, "https://evil.example"))[0] == 403
        bodies: list[object] = [{"name": "Ada"}, {"name": "Ada", "password": 1}, [], {"name": "", "password": "hubbub"}]
        for body in bodies:
            assert (await site.post("/login", body))[0] == 400
