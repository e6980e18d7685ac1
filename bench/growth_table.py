"""How ours grows, as tables: one for each sweep, a line for each point and candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .growth import SWEEPS, Point, Sweep
from .growth_plot import FIGURES

LOOP = ("server_cpu", "kib_per_connection", "loop_lag_ms", "gc_pause_ms", "stolen_ms")
BUSY = ("deliveries_per_s", "p50_ms", "p99_ms", *LOOP)
SHOWN = {"members": BUSY, "rooms": BUSY, "connections": LOOP}


def cell(figure: str, value: float | None) -> str:
    if value is None:
        return "-"
    if figure == "deliveries_per_s":
        return f"{value / 1000:,.0f}k"
    return f"{value:.1%}" if figure == "server_cpu" else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def line(point: Point) -> str:
    """For a terminal, as soon as it is measured."""
    said = [f"{FIGURES[name]} {cell(name, point.figures.get(name))}" for name in SHOWN[point.sweep]]
    return f"{point.sweep:12} {point.step:7,} {point.candidate:16} {'  '.join(said)}  {point.complaint}".rstrip()


def _table(sweep: Sweep, points: Sequence[Point]) -> Iterator[str]:
    names = SHOWN[sweep.name]
    yield f"\n## {sweep.name.capitalize()}: {sweep.title}\n"
    yield "| ".join([f"| {sweep.name} ", "server ", *(f"{FIGURES[name]} " for name in names)]) + "|"
    yield "|--:|---|" + "--:|" * len(names)
    for point in points:
        cells = " | ".join(cell(name, point.figures.get(name)) for name in names)
        yield f"| {point.step:,} | {point.candidate} | {cells} |"


def _complaints(points: Sequence[Point]) -> Iterator[str]:
    """Of every run that is in no median."""
    said = [f"- {one.sweep}, {one.step:,}, {one.candidate}: {one.complaint}" for one in points if one.complaint]
    if said:
        yield "\n## Not clean, and in no figure above\n"
        yield from said


def markdown(about: Mapping[str, Any], points: Sequence[Point], runs: Sequence[Point]) -> str:
    """
    A whole document without its heading.

    Args:
        points: The medians.
        runs: What they are of.
    """
    machine = about["machine"]
    place = f"{machine['processor']}, {machine['cores']} cores, {machine['kernel']}, Python {machine['python']}"
    lines = [f"Commit {about['commit']}, {about['at']}, median of {about['rounds']}. {place}."]
    for sweep in SWEEPS:
        mine = [one for one in points if one.sweep == sweep.name]
        lines += _table(sweep, mine) if mine else ()
    return "\n".join([*lines, *_complaints(runs), ""])
