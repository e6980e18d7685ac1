"""How ours grows, as one SVG: a panel for each figure of a sweep, a line for each candidate; logarithmic along x."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import log10
from typing import Any

import attrs

from .growth import SWEEPS, Point, Sweep

WIDTH, HEIGHT, GAP = 250, 150, 56
COLOURS = {"ours-native": "#b4431f", "ours-raw": "#2f6f8f", "ours-centrifuge": "#6b8e23"}
FIGURES = {
    "deliveries_per_s": "deliveries/s",
    "p99_ms": "p99, ms",
    "kib_per_connection": "KiB/connection",
    "server_cpu": "of a core",
    "loop_lag_ms": "worst loop lag, ms",
    "gc_pause_ms": "worst GC pause, ms",
}
SHOWN = {
    "members": ("deliveries_per_s", "p99_ms", "loop_lag_ms"),
    "rooms": ("deliveries_per_s", "p99_ms", "loop_lag_ms"),
    "connections": ("kib_per_connection", "server_cpu", "gc_pause_ms"),
}


@attrs.frozen
class Frame:
    """Where a panel's values come to lie: x by its logarithm, y from 0."""

    left: float
    top: float
    steps: Sequence[int]
    most: float

    def x(self, step: int) -> float:
        low, high = log10(self.steps[0]), log10(max(self.steps[-1], self.steps[0] * 10))
        return self.left + WIDTH * (log10(step) - low) / (high - low)

    def y(self, value: float) -> float:
        return self.top + HEIGHT - HEIGHT * value / self.most


def _text(x: float, y: float, said: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(said)}</text>'


def _panel(points: list[Point], sweep: Sweep, figure: str, left: float, top: float) -> Iterator[str]:
    mine = [one for one in points if one.sweep == sweep.name and figure in one.figures]
    if not mine:
        return
    most = max(one.figures[figure] for one in mine) * 1.1 or 1.0
    frame = Frame(left, top, sorted({one.step for one in mine}), most)
    yield f'<path d="M{left} {top}v{HEIGHT}h{WIDTH}" fill="none" stroke="#c9ced2"/>'
    yield _text(left, top - 8, FIGURES[figure], 'font-weight="bold"')
    yield _text(left - 6, top + 9, f"{most / 1.1:,.3g}", 'text-anchor="end"')
    yield _text(left - 6, top + HEIGHT, "0", 'text-anchor="end"')
    for step in frame.steps:
        yield _text(frame.x(step), top + HEIGHT + 15, f"{step:,}", 'text-anchor="middle" font-size="10"')
    yield _text(left + WIDTH / 2, top + HEIGHT + 30, sweep.axis, 'text-anchor="middle" fill="#5d676e"')
    for name in dict.fromkeys(one.candidate for one in mine):
        yield from _line([one for one in mine if one.candidate == name], figure, frame, COLOURS.get(name, "#8a949c"))


def _line(points: list[Point], figure: str, frame: Frame, colour: str) -> Iterator[str]:
    places = [(frame.x(one.step), frame.y(one.figures[figure])) for one in sorted(points, key=lambda one: one.step)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)


def svg(about: dict[str, Any], points: list[Point]) -> str:
    """Returns a whole document, on a white ground of its own."""
    body: list[str] = []
    top = 30.0
    for sweep in SWEEPS:
        body.append(_text(0, top, sweep.title, 'font-weight="bold" font-size="14"'))
        for place, figure in enumerate(SHOWN[sweep.name]):
            body += _panel(points, sweep, figure, 56 + place * (WIDTH + GAP + 20), top + 34)
        top += HEIGHT + 100
    for place, name in enumerate(dict.fromkeys(one.candidate for one in points)):
        body.append(_text(place * 140, top, f"● {name}", f'fill="{COLOURS.get(name, "#8a949c")}"'))
    said = f"commit {about['commit']}, {about['at']}, {about['machine']['processor']}"
    body.append(_text(0, top + 22, said, 'fill="#5d676e" font-size="11"'))
    width, height = 3 * (WIDTH + GAP + 20) + 80, f"{top + 40:.0f}"
    style = 'font-family="system-ui, sans-serif" font-size="12" fill="#20262b"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {width} {height}" {style}>'
    return "\n".join([head, f'<rect x="-12" width="{width}" height="{height}" fill="#fff"/>', *body, "</svg>\n"])
