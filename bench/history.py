"""bench/history.csv: a line for each candidate and scenario of every session that was worth keeping."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from .candidates import HOME
from .runs import Session
from .scenarios import Scenario
from .spread import Spread
from .table import ratio_to, reference_of, rows_of

FILE = HOME / "history.csv"
HEADER = (
    "at",
    "commit",
    "processor",
    "cores",
    "kernel",
    "python",
    "compiler",
    "load_before",
    "scenario",
    "unit",
    "candidate",
    "version",
    "rounds",
    "clean_rounds",
    "disturbed_rounds",
    "median",
    "least",
    "most",
    "reference",
    "ratio",
    "ratio_least",
    "ratio_most",
)


def _figures(spread: Spread | None) -> list[str]:
    return ["", "", ""] if spread is None else [f"{value:.5g}" for value in (spread.median, spread.low, spread.high)]


def _of(session: Session, scenario: Scenario) -> Iterator[list[object]]:
    about, machine = session.about, session.about["machine"]
    where = [machine[name] for name in ("processor", "cores", "kernel", "python", "compiler")]
    reference = reference_of(session)
    for row in rows_of(session, scenario):
        there = session.of(scenario.name, row.candidate)
        clean, disturbed = (0 if row.spread is None else row.spread.count), sum(run.is_disturbed for run in there)
        yield [
            *(about["at"], about["commit"], *where, f"{machine['load']:.2f}"),
            *(scenario.name, scenario.unit, row.candidate, about["versions"].get(row.candidate, "")),
            *(len(there), clean, disturbed, *_figures(row.spread)),
            *(reference, *_figures(ratio_to(session, scenario, row.candidate, reference))),
        ]


def lines_of(session: Session) -> list[list[object]]:
    """In the order of `HEADER`."""
    return [line for scenario in session.scenarios() for line in _of(session, scenario)]


def record(session: Session, file: Path = FILE) -> int:
    """Appends the session and returns how many lines that were."""
    is_new = not file.exists()
    lines = lines_of(session)
    with file.open("a", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        if is_new:
            writer.writerow(HEADER)
        writer.writerows(lines)
    return len(lines)
