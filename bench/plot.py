"""The results as one SVG: a panel for each scenario, a bar for each candidate, its spread as a line."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from .runs import Session
from .scenarios import Scenario
from .table import OURS, Row, cell, reference_of, rows_of

WIDTH = 860
LABEL = 130
"""Pixels for the names on the left."""
FIGURES = 190
"""Pixels for the figures on the right."""
BAR = 15
STEP = 20
"""Pixels from bar to bar."""
HEAD = 44
"""Pixels above a panel's bars, for its title."""
COLOUR = {True: "#b4431f", False: "#8a949c"}
"""Ours, and the others."""


def _text(x: float, y: float, said: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(said)}</text>'


def _bar(row: Row, y: float, scale: float) -> Iterator[str]:
    colour = COLOUR[row.candidate in OURS]
    yield _text(LABEL - 8, y + 12, row.candidate, f'text-anchor="end" fill="{colour}"')
    if row.spread is None:
        yield _text(LABEL + 4, y + 12, "not clean", 'fill="#8a949c"')
        return
    low, middle, high = (value * scale for value in (row.spread.low, row.spread.median, row.spread.high))
    yield f'<rect x="{LABEL}" y="{y:.0f}" width="{middle:.1f}" height="{BAR}" fill="{colour}"/>'
    across = y + BAR / 2
    yield f'<path d="M{LABEL + low:.1f} {across}H{LABEL + high:.1f}" stroke="#20262b" stroke-width="1.5"/>'
    yield _text(WIDTH - FIGURES + 8, y + 12, cell(row.spread))


def _reference(rows: list[Row], name: str, y: float, scale: float) -> Iterator[str]:
    """A line down from the end of the reference's bar, so that who is beyond it is seen at a glance."""
    for row in rows:
        if row.candidate == name and row.spread:
            x = LABEL + row.spread.median * scale
            yield f'<path d="M{x:.1f} {y:.0f}v{len(rows) * STEP}" stroke="#20262b" stroke-dasharray="3 3"/>'


def _panel(session: Session, scenario: Scenario, top: float) -> Iterator[str]:
    rows = rows_of(session, scenario)
    most = max((row.spread.high for row in rows if row.spread), default=1.0) or 1.0
    scale = (WIDTH - LABEL - FIGURES) / most
    better = "more" if scenario.more_is_better else "less"
    yield _text(0, top + 18, scenario.title, 'font-weight="bold"')
    yield _text(0, top + 34, f"{scenario.unit}, {better} is better", 'fill="#5d676e" font-size="11"')
    for place, row in enumerate(rows):
        yield from _bar(row, top + HEAD + place * STEP, scale)
    yield from _reference(rows, reference_of(session), top + HEAD - 3, scale)


def svg(session: Session) -> str:
    """Returns a whole document. It brings its own white ground, so it can be read on a dark page."""
    body: list[str] = []
    top = 8.0
    for scenario in session.scenarios():
        body += _panel(session, scenario, top)
        top += HEAD + len(rows_of(session, scenario)) * STEP + 14
    about = f"commit {session.about['commit']}, {session.about['at']}, {session.about['machine']['processor']}"
    body.append(_text(0, top + 12, f"{about}; dashed: {reference_of(session)}", 'fill="#5d676e" font-size="11"'))
    width, height = WIDTH + 24, f"{top + 24:.0f}"
    style = 'font-family="system-ui, sans-serif" font-size="12" fill="#20262b"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {width} {height}" {style}>'
    ground = f'<rect x="-12" width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, ground, *body, "</svg>\n"])
