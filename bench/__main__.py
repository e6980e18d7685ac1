"""
The command: `python -m bench run`, then `report`, and `record` for what is worth keeping.

    python -m bench run --set short             # as `make bench`
    python -m bench run --set all -n 5          # as `make bench-all`
    python -m bench run -c socketify,ours-raw -s room-w1,echo -n 9
    python -m bench report [FILE]               # the table again
    python -m bench record [FILE]               # into bench/RESULTS.md, bench/results.svg and bench/history.csv
    python -m bench grow -n 3                   # more members, rooms, connections: bench/GROWTH.md and bench/growth.svg
    python -m bench many                        # 100,000 connections without a network
    python -m bench list
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from . import candidates, growth, growth_plot, growth_table, history, many, runs, scenarios
from .candidates import BUILD, CANDIDATES, HOME, Candidate
from .machine import cores_for
from .plot import svg
from .runner import Plan, available, run
from .runs import Session
from .scenarios import SCENARIOS, Scenario
from .table import markdown

T = TypeVar("T", Candidate, Scenario, growth.Sweep)


def refuse(letter: str) -> NoReturn:
    print(letter, file=sys.stderr)
    sys.exit(2)


def chosen(all_of_them: Sequence[T], names: str | None, short: Sequence[str] | None) -> list[T]:
    """Those that are named, else the short set if there is one, else all."""
    wanted = names.split(",") if names else short if short is not None else [one.name for one in all_of_them]
    known = {one.name: one for one in all_of_them}
    for name in wanted:
        if name not in known:
            refuse(f"could not choose {name!r}: there is no such name; choose from {', '.join(known)}")
    return [known[name] for name in wanted]


def plan_of(given: argparse.Namespace) -> Plan:
    is_short = given.set == "short"
    servers = chosen(CANDIDATES, given.candidates, candidates.SHORT if is_short else None)
    there, gone = available(servers)
    for line in gone:
        print(line)
    if not there:
        refuse("could not run: none of the servers is built; run make -C bench all peers")
    wanted = chosen(SCENARIOS, given.scenarios, scenarios.SHORT if is_short else None)
    return Plan(tuple(there), tuple(wanted), given.rounds, given.seconds)


def run_command(given: argparse.Namespace) -> None:
    if not (BUILD / "load").exists():
        refuse(f"could not run: {BUILD / 'load'} is not built; run make -C bench")
    if len(set(cores_for())) == 1:
        print("one core only: server and load share it, and the figures say little")
    show(run(plan_of(given)))


def session_of(file: Path) -> Session:
    session = runs.read(file)
    if not session.runs:
        refuse(f"could not use {file}: it has no runs, its session was ended before the first; name another file")
    return session


def show(file: Path) -> None:
    session = session_of(file)
    (BUILD / "report.md").write_text(markdown(session))
    (BUILD / "plot.svg").write_text(svg(session))
    print(f"\n{markdown(session)}\ntable {BUILD / 'report.md'}, plot {BUILD / 'plot.svg'}, runs {file}")


def record(file: Path) -> None:
    session = session_of(file)
    (HOME / "RESULTS.md").write_text(f"# Results\n\n![the same as a plot](results.svg)\n\n{markdown(session)}")
    (HOME / "results.svg").write_text(svg(session))
    print(f"{history.record(session)} lines into {history.FILE}; wrote RESULTS.md and results.svg beside it")


def grow_command(given: argparse.Namespace) -> None:
    """Each point as it is measured; table and plot are written anew each time, so what was measured is never lost."""
    if not (BUILD / "load").exists():
        refuse(f"could not run: {BUILD / 'load'} is not built; run make -C bench")
    servers = chosen(CANDIDATES, given.candidates, [one.name for one in CANDIDATES if one.kind == "ours"][:2])
    sweeps = chosen(growth.SWEEPS, given.sweeps, None)
    circumstances, points = growth.about(given.rounds), list[growth.Point]()
    for point in growth.grow(servers, sweeps, given.rounds, given.seconds):
        print(growth_table.line(point), flush=True)
        points.append(point)
        growth.keep(circumstances, points)
        write_growth(circumstances, points)
    print((HOME / "GROWTH.md").read_text())


def write_growth(circumstances: Mapping[str, Any], points: Sequence[growth.Point]) -> None:
    found = growth.medians(points)
    table = growth_table.markdown(circumstances, found, points)
    (HOME / "GROWTH.md").write_text(f"# Growth\n\n![the same as a plot](growth.svg)\n\n{table}")
    (HOME / "growth.svg").write_text(growth_plot.svg(circumstances, found))


def many_command(given: argparse.Namespace) -> None:
    found: list[many.Row] = []
    for row in many.rows(given.connections):
        print(many.line(row), flush=True)
        found.append(row)
    print(f"\n{many.table(found)}")


def a_file(given: argparse.Namespace) -> Path:
    file: Path | None = given.file or runs.latest()
    if file is None or not file.exists():
        refuse(f"could not read {file or runs.RESULTS}: there are no runs; make some with make bench")
    return file


def list_all() -> None:
    for server in CANDIDATES:
        print(f"{server.name:16} {server.kind:6} {server.version() or 'not there':10} {server.note}")
    print()
    for scenario in SCENARIOS:
        print(f"{scenario.name:16} {scenario.title} ({scenario.unit})")


def one_or_more(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is refused; write 1 or more")
    return int(text)


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser("bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = whole.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("--set", choices=["short", "all"], default="short")
    running.add_argument("-c", "--candidates", metavar="NAME,...")
    running.add_argument("-s", "--scenarios", metavar="NAME,...")
    running.add_argument("-n", "--rounds", type=one_or_more, default=3)
    running.add_argument("-t", "--seconds", type=float, help="measured in each run; default: the scenario's")
    for name in ("report", "record"):
        commands.add_parser(name).add_argument("file", type=Path, nargs="?", help="default: the latest")
    growing = commands.add_parser("grow")
    growing.add_argument("-c", "--candidates", metavar="NAME,...", help="default: ours-raw, ours-native")
    growing.add_argument("-s", "--sweeps", metavar="NAME,...", help="of members, rooms, connections; default: all")
    growing.add_argument("-n", "--rounds", type=one_or_more, default=1, help="a point is the median of these")
    growing.add_argument("-t", "--seconds", type=float, help="measured at each point; default: the sweep's")
    idle = commands.add_parser("many")
    idle.add_argument("-n", "--connections", type=one_or_more, default=100_000)
    commands.add_parser("list")
    return whole


def main() -> None:
    given = parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: the servers under test end with it
    if given.command == "run":
        run_command(given)
    elif given.command == "grow":
        grow_command(given)
    elif given.command == "many":
        many_command(given)
    elif given.command == "list":
        list_all()
    else:
        {"report": show, "record": record}[given.command](a_file(given))


if __name__ == "__main__":
    main()
