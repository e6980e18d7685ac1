"""How ours grows, as one SVG: for each sweep a panel per figure, a line per candidate; x by its logarithm, y from 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import log10
from typing import Any

import attrs

from .growth import SWEEPS, Point, Sweep

WIDTH, HEIGHT = 250, 150
LEFT = 60
"""Pixels for the figures beside an axis."""
ACROSS = WIDTH + LEFT + 30
"""Pixels from panel to panel."""
DOWN = HEIGHT + 118
"""Pixels from sweep to sweep: a title, a panel's title, the panel, its steps, its axis."""
PANELS = 3
DIGIT = 6.2
"""Pixels of one character of a step, in the size of the steps."""

COLOURS = {"ours-native": "#b4431f", "ours-raw": "#2f6f8f", "ours-centrifuge": "#6b8e23"}
GREY = "#8a949c"
FIGURES = {
    "deliveries_per_s": "deliveries/s",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "kib_per_connection": "KiB/connection",
    "server_cpu": "CPU, share of a core",
    "loop_lag_ms": "worst loop lag, ms",
    "gc_pause_ms": "worst GC pause, ms",
    "stolen_ms": "taken by the host, ms",
}
SHOWN = {
    "members": ("deliveries_per_s", "p99_ms", "loop_lag_ms"),
    "rooms": ("deliveries_per_s", "p99_ms", "loop_lag_ms"),
    "connections": ("kib_per_connection", "server_cpu", "gc_pause_ms"),
}


@attrs.frozen
class Frame:
    """Where a panel's values come to lie."""

    left: float
    top: float
    steps: Sequence[int]
    most: float

    def x(self, step: int) -> float:
        low, high = log10(self.steps[0]), log10(max(self.steps[-1], self.steps[0] * 10))
        return self.left + WIDTH * (log10(step) - low) / (high - low)

    def y(self, value: float) -> float:
        return self.top + HEIGHT * (1 - value / self.most)

    def labelled(self) -> Iterator[int]:
        """Steps whose numbers fit beside one another; the last always, and from there to the left."""
        free = float("inf")
        for step in reversed(self.steps):
            half = len(f"{step:,}") * DIGIT / 2
            if self.x(step) + half <= free:
                free = self.x(step) - half - 4
                yield step


def rounded_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten: what an axis may end with."""
    if value <= 0:
        return 1.0
    power = 10 ** (len(f"{int(value)}") - 1) if value >= 1 else 10 ** int(log10(value) - 1)
    return float(next(power * step for step in (1, 2, 2.5, 5, 10, 20) if power * step >= value))


def figure_text(value: float) -> str:
    return f"{value / 1000:,.6g}k" if value >= 10_000 else f"{value:,.6g}"


def _text(x: float, y: float, said: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(said)}</text>'


def _panel(points: Sequence[Point], sweep: Sweep, figure: str, left: float, top: float) -> Iterator[str]:
    mine = [one for one in points if one.sweep == sweep.name and figure in one.figures]
    yield _text(left, top - 10, FIGURES[figure], 'font-weight="bold"')
    if not mine:
        yield _text(left, top + HEIGHT / 2, "nothing clean was measured", f'fill="{GREY}"')
        return
    frame = Frame(left, top, sorted({one.step for one in mine}), rounded_up(max(one.figures[figure] for one in mine)))
    yield from _axes(frame, sweep)
    for name in dict.fromkeys(one.candidate for one in mine):
        yield from _line([one for one in mine if one.candidate == name], figure, frame, COLOURS.get(name, GREY))


def _axes(frame: Frame, sweep: Sweep) -> Iterator[str]:
    left, bottom = frame.left, frame.top + HEIGHT
    for part in (0.0, 0.5, 1.0):
        y = frame.y(part * frame.most)
        yield f'<path d="M{left:.0f} {y:.1f}h{WIDTH}" stroke="{"#9aa3a9" if part == 0 else "#e3e6e8"}"/>'
        yield _text(left - 7, y + 4, figure_text(part * frame.most), 'text-anchor="end" fill="#5d676e" font-size="11"')
    for step in frame.steps:
        yield f'<path d="M{frame.x(step):.1f} {bottom}v4" stroke="#9aa3a9"/>'
    for step in frame.labelled():
        yield _text(frame.x(step), bottom + 17, f"{step:,}", 'text-anchor="middle" fill="#5d676e" font-size="11"')
    yield _text(left + WIDTH / 2, bottom + 34, sweep.name, 'text-anchor="middle" fill="#5d676e" font-size="11"')


def _line(points: Sequence[Point], figure: str, frame: Frame, colour: str) -> Iterator[str]:
    places = [(frame.x(one.step), frame.y(one.figures[figure])) for one in sorted(points, key=lambda one: one.step)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)


def _legend(points: Sequence[Point], y: float) -> Iterator[str]:
    for place, name in enumerate(dict.fromkeys(one.candidate for one in points)):
        colour = COLOURS.get(name, GREY)
        yield f'<circle cx="{5 + place * 140}" cy="{y - 4:.0f}" r="4" fill="{colour}"/>'
        yield _text(15 + place * 140, y, name, f'fill="{colour}" font-weight="bold"')


def svg(about: Mapping[str, Any], points: Sequence[Point]) -> str:
    """A whole document, on a white ground of its own, of the sweeps that were measured."""
    body, top = list(_legend(points, 24)), 62.0
    for sweep in SWEEPS:
        if all(one.sweep != sweep.name for one in points):
            continue
        body.append(_text(0, top, f"{sweep.name}: {sweep.title}", 'font-weight="bold" font-size="14"'))
        for place, figure in enumerate(SHOWN[sweep.name]):
            body += _panel(points, sweep, figure, LEFT + place * ACROSS, top + 42)
        top += DOWN
    said = f"commit {about['commit']}, {about['at']}, {about['machine']['processor']}"
    body.append(_text(0, top, said, 'fill="#5d676e" font-size="11"'))
    size = f'width="{PANELS * ACROSS + 24}" height="{top + 18:.0f}"'
    box = f'viewBox="-12 0 {PANELS * ACROSS + 24} {top + 18:.0f}"'
    style = 'font-family="system-ui, sans-serif" font-size="12" fill="#20262b"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} {size} {style}>'
    return "\n".join([head, f'<rect x="-12" {size} fill="#fff"/>', *body, "</svg>\n"])
