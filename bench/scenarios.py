"""What is measured of each candidate, and which figure of it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from .wires import Wire

Result = Mapping[str, Any]
"""What `load` printed."""


def deliveries(result: Result) -> float | None:
    return result.get("deliveries_per_s") or None


def cycles(result: Result) -> float | None:
    return result.get("cycles_per_s") or None


def idle_kib(result: Result) -> float | None:
    server, opened = result.get("server"), result.get("opened")
    return (server["rss_ready_kb"] - server["rss_before_kb"]) / opened if server and opened else None


def trouble_ratio(result: Result) -> float | None:
    """The others' p99 while there is trouble, over their p99 before it."""
    before, during = result.get("latency_us"), result.get("trouble_us")
    if not before or not during or not before["p99"] or not during["count"]:
        return None
    return float(during["p99"]) / float(before["p99"])


@attrs.frozen
class Scenario:
    """
    Args:
        use: How the clients use the wire: in a room, each in one of its own, or open and in none.
        value: The figure that counts.
        is_fresh: Whether it wants a server that has done nothing before, as memory does.
        settings: Environment for ours, over bench/hubbub.toml.
        seconds: Measured, unless the command line says otherwise.
    """

    name: str
    title: str
    unit: str
    use: Literal["room", "echo", "door"]
    load: tuple[str, ...]
    value: Callable[[Result], float | None] = deliveries
    more_is_better: bool = True
    is_fresh: bool = False
    settings: Mapping[str, str] = attrs.field(factory=dict)
    seconds: float = 2.0

    def options(self, wire: Wire) -> tuple[str, ...]:
        talk = {"room": wire.in_room, "echo": wire.in_echo, "door": wire.at_the_door}[self.use]()
        mode, *rest = self.load
        return (mode, *rest, *talk)


DEFAULT_RATE = {
    "HUBBUB_GATEWAY__LIMITS__MESSAGES_PER_SECOND": "50",
    "HUBBUB_GATEWAY__LIMITS__BURST": "100",
}
"""The message rate as it is out of the box: the protection against floods is what that scenario looks at."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "room-w1",
        "1,000 in a room, one publication outstanding",
        "deliveries/s",
        "room",
        _words("room -n 1000 -w 1 --busy --drain 10"),
    ),
    Scenario(
        "room-w16",
        "1,000 in a room, 16 publications outstanding",
        "deliveries/s",
        "room",
        _words("room -n 1000 -w 16 --busy --drain 10"),
    ),
    Scenario(
        "rooms-100",
        "100 rooms of 10, a publisher in each",
        "deliveries/s",
        "room",
        _words("room -n 1000 -r 100 -p 100 -w 1 --busy --drain 10"),
    ),
    Scenario(
        "room-5000",
        "5,000 in a room, one publication outstanding",
        "deliveries/s",
        "room",
        _words("room -n 5000 -w 1 --settle 1 --busy --drain 10"),
    ),
    Scenario(
        "echo",
        "100 connections, one message outstanding each",
        "answers/s",
        "echo",
        _words("echo -n 100 -w 1 --busy"),
    ),
    Scenario(
        "churn",
        "connect and close, 64 at once",
        "connections/s",
        "door",
        _words("churn -n 64 --sources 32 --drain 2"),
        cycles,
    ),
    Scenario(
        "idle",
        "10,000 idle connections with a browser's headers, in 100 rooms",
        "KiB/connection",
        "room",
        _words("idle -n 10000 -r 100 --sources 8 --browser --settle 2"),
        idle_kib,
        more_is_better=False,
        is_fresh=True,
    ),
    Scenario(
        "slow",
        "10 of 1,000 stop reading; 32 KiB ten times a second, for 20 s",
        "p99 of the others, during/before",
        "room",
        _words("room -n 1000 --slow 10 -s 32768 --rate 10 --warmup 1 --trouble 20"),
        trouble_ratio,
        more_is_better=False,
        is_fresh=True,
        seconds=5.0,
    ),
    Scenario(
        "flood",
        "one client sends 20,000 a second to a room of its own; 1,000 others get 128 bytes 20 times a second",
        "p99 of the others, during/before",
        "room",
        _words("room -n 1000 -p 10 --rate 20 --flooders 1 --flood-rate 20000 --warmup 1 --trouble 5"),
        trouble_ratio,
        more_is_better=False,
        is_fresh=True,
        settings=DEFAULT_RATE,
        seconds=5.0,
    ),
)
SHORT = ("room-w1", "room-w16", "rooms-100", "echo")
