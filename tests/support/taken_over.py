"""What tests of a socket taken over from aiohttp share: the wires they run on, a small frame, turns of the loop."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.raw_client import frame
from tests.support.raw_server import PLAIN_WIRES, WIRES, named

every_wire = pytest.mark.parametrize("wire", WIRES, ids=named)
plain_wires = pytest.mark.parametrize("wire", PLAIN_WIRES, ids=named)
SMALLEST_FRAME = frame(b"")


async def turns(number: int) -> None:
    """Lets the loop turn: everything that is ready now happens."""
    for _ in range(number):
        await asyncio.sleep(0)
