"""The results as Markdown: every candidate in every scenario, the best first, and those lists where ours is behind."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from .candidates import CANDIDATES, REFERENCE
from .runs import Run, Session
from .scenarios import Result, Scenario
from .spread import Spread, ratios, spread_of

NOTES = {one.name: one.note for one in CANDIDATES}
OURS = frozenset(one.name for one in CANDIDATES if one.kind == "ours")


def number(value: float) -> str:
    """Three figures, for the fourth is noise."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def cell(spread: Spread | None, unit: str = "") -> str:
    if spread is None:
        return "-"
    if spread.low == spread.high:
        return f"{number(spread.median)}{unit}"
    return f"{number(spread.median)}{unit} ({number(spread.low)}..{number(spread.high)})"


def reference_of(session: Session) -> str:
    """What the ratios are to: the usual one if it was measured, else the first that is not ours, else the first."""
    there = session.candidates()
    return REFERENCE if REFERENCE in there else next((one for one in there if one not in OURS), there[0])


def ratio_to(session: Session, scenario: Scenario, candidate: str, reference: str) -> Spread | None:
    return spread_of(ratios(session.values(scenario, candidate), session.values(scenario, reference)))


# --- what else there is to say of a run, by scenario


def _milliseconds(runs: Sequence[Run], histogram: str, name: str) -> str:
    found = [run.result[histogram][name] / 1e3 for run in runs if run.result.get(histogram, {}).get("count")]
    return f"{statistics.median(found):.3g}" if found else "-"


def _pair(runs: Sequence[Run], histogram: str) -> str:
    return f"{_milliseconds(runs, histogram, 'p50')} / {_milliseconds(runs, histogram, 'p99')}"


def _cpu(runs: Sequence[Run]) -> str:
    found = [run.result["server"]["cpu_us_per_delivery"] for run in runs if run.result.get("server")]
    return f"{statistics.median(found):.3g}" if found else "-"


def _share(runs: Sequence[Run]) -> str:
    """Of its core. In a closed loop a server that had time left waited for the load or for the kernel."""
    found = [run.result["server"]["cpu"] for run in runs if run.result.get("server")]
    return f"{statistics.median(found):.0%}" if found else "-"


def _waited(runs: Sequence[Run]) -> str:
    """How long the load found nothing to read: a server that leaves it nothing may be faster than it could see."""
    found = [run.result["waited"] for run in runs if "waited" in run.result]
    return f"{statistics.median(found):.0%}" if found else "-"


def _ends(result: Result) -> str:
    """How the slow or the flooding ones ended in one run, as they saw it."""
    told: dict[str, Any] = result.get("slow") or result.get("flooders") or {}
    said = [f"{count} closed with {code}" for code, count in told.get("closed", {}).items()]
    words = (("eof", "ended without a close frame"), ("reset", "reset"), ("still_open", "still there"))
    said += [f"{told[key]} {word}" for key, word in words if told.get(key)]
    if told.get("ended_in_time"):
        said.append(f"the last within {told['last_ended_after_s']:.1f} s")
    elif told and not told["still_open"]:
        said.append("seen when they read again")
    return ", ".join(said) or "-"


def _growth(runs: Sequence[Run]) -> str:
    servers = [run.result["server"] for run in runs if run.result.get("measured_s") and run.result.get("server")]
    found = [(one["rss_max_kb"] - one["rss_calm_kb"]) / 1024 for one in servers]
    return f"{statistics.median(found):.1f}" if found else "-"


Column = tuple[str, Callable[[Sequence[Run]], str]]

DELIVERY: tuple[Column, ...] = (
    ("p50 / p99, ms", lambda runs: _pair(runs, "latency_us")),
    ("server CPU, µs each", _cpu),
    ("of its core", _share),
    ("the load waited", _waited),
)
CHURN: tuple[Column, ...] = (
    ("open p50 / p99, ms", lambda runs: _pair(runs, "open_us")),
    ("close p50 / p99, ms", lambda runs: _pair(runs, "close_us")),
)
TROUBLE: tuple[Column, ...] = (
    ("p99 before, ms", lambda runs: _milliseconds(runs, "latency_us", "p99")),
    ("p99 during, ms", lambda runs: _milliseconds(runs, "trouble_us", "p99")),
    ("memory, MiB more", _growth),
    ("how they ended (last round)", lambda runs: _ends(runs[-1].result)),
)


def columns_of(scenario: Scenario) -> tuple[Column, ...]:
    return {"churn": CHURN, "idle": (), "slow": TROUBLE, "flood": TROUBLE}.get(scenario.name, DELIVERY)


# --- the tables


@attrs.frozen
class Row:
    candidate: str
    spread: Spread | None
    ratio: Spread | None
    rest: tuple[str, ...]
    complaints: tuple[str, ...]


def rows_of(session: Session, scenario: Scenario) -> list[Row]:
    """The best first; without a clean round last. A row is left out for no other reason than that it was not run."""
    there = [one for one in session.candidates() if session.of(scenario.name, one)]
    rows = [_row(session, scenario, one) for one in there]
    sign = -1 if scenario.more_is_better else 1
    return sorted(rows, key=lambda row: (row.spread is None, sign * (row.spread.median if row.spread else 0)))


def _row(session: Session, scenario: Scenario, candidate: str) -> Row:
    runs = session.of(scenario.name, candidate)
    complaints = tuple(f"round {run.round}: {run.complaint}" for run in runs if not run.is_clean)
    return Row(
        candidate,
        spread_of(list(session.values(scenario, candidate).values())),
        ratio_to(session, scenario, candidate, reference_of(session)),
        tuple(column(runs) for _, column in columns_of(scenario)),
        complaints,
    )


def _table(session: Session, scenario: Scenario) -> Iterator[str]:
    heads = [name for name, _ in columns_of(scenario)]
    title = ["server", scenario.unit, f"x {reference_of(session)}", *heads]
    yield f"\n### {scenario.name}: {scenario.title}\n"
    yield "| " + " | ".join(title) + " |"
    yield "|---" * len(title) + "|"
    rows = rows_of(session, scenario)
    for row in rows:
        name = f"**{row.candidate}**" if row.candidate in OURS else row.candidate
        figure = cell(row.spread) if row.spread else "not clean"
        yield "| " + " | ".join([name, figure, cell(row.ratio), *row.rest]) + " |"
    unclean = [f"- {row.candidate}: {complaint}" for row in rows for complaint in row.complaints]
    yield from ["", "Not clean, and so in no median:", "", *unclean] if unclean else ()


def losses(session: Session) -> Iterator[str]:
    """
    A line for each of ours and each scenario, with everybody who is better in the median of the ratios.

    Not to have run clean at all is the worst way to be behind, so it is said here too.
    """
    for scenario in session.scenarios():
        for ours in (one for one in session.candidates() if one in OURS and session.of(scenario.name, one)):
            if not session.values(scenario, ours):
                yield f"- {scenario.name}, {ours}: not one clean run"
            better = list(_better(session, scenario, ours))
            if better:
                yield f"- {scenario.name}, {ours}: {'; '.join(better)}"


def _better(session: Session, scenario: Scenario, ours: str) -> Iterator[str]:
    for other in session.candidates():
        ratio = None if other in OURS else ratio_to(session, scenario, ours, other)
        if ratio and (ratio.median < 1) == scenario.more_is_better and ratio.median != 1:
            yield f"{cell(ratio)} x {other}"


def _where(session: Session) -> str:
    about, machine = session.about, session.about["machine"]
    disturbed = sum(run.is_disturbed for run in session.runs)
    return (
        f"Measured {about['at']} at commit {about['commit']} on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['kernel']}, Python {machine['python']}, {machine['compiler']}, load average before "
        f"{machine['load']:.2f}; {about['rounds']} rounds, the servers in turn. Median (least..most); ratios are the "
        f"median of each round's own. In {disturbed} of {len(session.runs)} runs something else took part of the "
        "load's core."
    )


def markdown(session: Session) -> str:
    lines = [_where(session)]
    for scenario in session.scenarios():
        lines += _table(session, scenario)
    behind = list(losses(session))
    lines += ["\n### Where ours is behind\n", *(behind or ["Nowhere in these runs."])]
    lines += ["\n### Who is who\n", "| server | version | what it does |", "|---|---|---|"]
    versions = session.about["versions"]
    lines += [f"| {name} | {versions.get(name, '-')} | {NOTES[name]} |" for name in session.candidates()]
    return "\n".join(lines) + "\n"
