"""The benchmark says what is: its statistics are right, and no row where we lose is left out."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench import history
from bench.candidates import CANDIDATES, SERVERS
from bench.plot import svg
from bench.runs import Run, Session, append, new_file, read
from bench.scenarios import SCENARIOS
from bench.spread import ratios, spread_of
from bench.table import losses, markdown, rows_of
from bench.wires import CENTRIFUGE, NATIVE, RAW, SOCKETIO

ABOUT: dict[str, Any] = {
    "at": "2026-11-21T00:00:00+00:00",
    "commit": "abc1234",
    "machine": {
        "processor": "one",
        "cores": 2,
        "kernel": "Linux 6",
        "python": "3.11.7",
        "compiler": "gcc 12",
        "load": 0.1,
    },
    "versions": {"socketify": "0.0.31"},
    "rounds": 3,
}


def session(**rates: list[float | None]) -> Session:
    """Of one scenario: by candidate, with _ for -, the deliveries per second of each round; None: it was not clean."""
    runs = [
        Run(name.replace("_", "-"), "room-w1", number, {"clean": rate is not None, "deliveries_per_s": rate or 1e9})
        for name, values in rates.items()
        for number, rate in enumerate(values, 1)
    ]
    return Session(ABOUT, tuple(runs))


def test_a_spread_is_the_median_and_the_extremes() -> None:
    """The median of an even count lies between the two in the middle; no values are no spread, not nought."""
    spread = spread_of([4.0, 1.0, 3.0, 2.0])
    assert spread is not None
    assert (spread.median, spread.low, spread.high, spread.count) == (2.5, 1.0, 4.0, 4)
    assert spread_of([]) is None


def test_ratios_are_of_one_round_each() -> None:
    """A machine that slows down by half between rounds changes no ratio; a round that one lacks has none."""
    assert ratios({1: 50.0, 2: 25.0, 4: 7.0}, {1: 100.0, 2: 50.0, 3: 9.0}) == [0.5, 0.5]


def test_a_round_that_was_not_clean_is_in_no_median() -> None:
    """Deliveries that were lost are easily fast."""
    measured = session(socketify=[100.0, 100.0, 100.0], ours_raw=[90.0, None, 110.0])
    scenario = measured.scenarios()[0]
    assert measured.values(scenario, "ours-raw") == {1: 90.0, 3: 110.0}
    assert "- ours-raw: round 2: not clean" in markdown(measured)


def test_a_run_that_had_not_its_whole_core_is_disturbed() -> None:
    """Only a run that polls can tell; one that never began was not disturbed but failed."""
    polled = {"busy": True, "measured_s": 2.0, "own_cpu": 0.5}
    assert Run("socketify", "room-w1", 1, polled).is_disturbed
    assert not Run("socketify", "room-w1", 1, {**polled, "own_cpu": 0.99}).is_disturbed
    assert not Run("socketify", "room-w1", 1, {**polled, "busy": False}).is_disturbed
    assert not Run("socketify", "room-w1", 1, {**polled, "measured_s": 0.0}).is_disturbed


def test_a_table_says_how_long_the_load_waited() -> None:
    """The median; a run that could not tell is in none."""
    told = [
        Run("socketify", "room-w1", number, {"clean": True, "waited": share}) for number, share in [(1, 0.1), (2, 0.3)]
    ]
    measured = Session(ABOUT, (*told, Run("ours-raw", "room-w1", 1, {"clean": True})))
    assert {row.candidate: row.rest[-1] for row in rows_of(measured, measured.scenarios()[0])} == {
        "socketify": "20%",
        "ours-raw": "-",
    }


def test_every_server_that_ran_has_a_row() -> None:
    """Best first; without a clean round last, and there all the same."""
    measured = session(socketify=[100.0], ours_raw=[50.0], picows=[None], node_ws=[70.0])
    rows = rows_of(measured, measured.scenarios()[0])
    assert [row.candidate for row in rows] == ["socketify", "node-ws", "ours-raw", "picows"]


def test_where_ours_is_behind_is_said() -> None:
    """A line names everybody who is better, and nobody who is not."""
    behind = list(losses(session(socketify=[100.0], ours_raw=[50.0], picows=[25.0])))
    assert behind == ["- room-w1, ours-raw: 0.5 x socketify"]
    assert list(losses(session(socketify=[100.0], ours_raw=[None]))) == ["- room-w1, ours-raw: not one clean run"]
    assert "Nowhere in these runs." in markdown(session(socketify=[100.0], ours_raw=[150.0]))


def test_the_plot_is_a_document_with_everybody_in_it() -> None:
    """Well-formed XML; a name per bar, one bar per clean candidate and the ground."""
    measured = session(socketify=[100.0, 120.0], ours_raw=[50.0, 60.0], picows=[None])
    drawn = ET.fromstring(svg(measured))
    said = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"socketify", "ours-raw", "picows", "not clean"} <= set(said)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}rect"))) == 3


def test_the_history_grows_by_a_line_for_each_row(tmp_path: Path) -> None:
    """The header stands once; what was lost has no figures and counts no clean round."""
    file = tmp_path / "history.csv"
    measured = session(socketify=[100.0, 100.0], ours_raw=[50.0, 40.0], picows=[None, None])
    assert history.record(measured, file) == 3
    assert history.record(measured, file) == 3
    lines = list(csv.DictReader(file.read_text().splitlines()))
    assert len(lines) == 6
    assert (lines[1]["candidate"], lines[1]["median"], lines[1]["ratio"]) == ("ours-raw", "45", "0.45")
    assert (lines[2]["candidate"], lines[2]["clean_rounds"], lines[2]["median"]) == ("picows", "0", "")


def test_runs_read_back_as_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that was cut short has every run up to then."""
    monkeypatch.setattr("bench.runs.RESULTS", tmp_path)
    measured = session(socketify=[100.0], ours_raw=[50.0])
    file = new_file("now", ABOUT)
    for run in measured.runs:
        append(file, run)
    assert read(file) == measured


def test_names_are_used_once_and_servers_are_there() -> None:
    """A result belongs to one candidate and one scenario; a script that a command names exists."""
    names = [one.name for one in CANDIDATES] + [one.name for one in SCENARIOS]
    assert len(names) == len(set(names))
    scripts = [word for one in CANDIDATES for word in one.command if word.endswith((".py", ".js"))]
    assert all((SERVERS / script).exists() for script in scripts)


@pytest.mark.parametrize("wire", [RAW, NATIVE, CENTRIFUGE, SOCKETIO])
def test_a_wire_is_spoken_as_the_scenario_uses_it(wire: Any) -> None:
    """At the door nobody joins or publishes; in a room everybody joins first."""
    assert "--message" not in wire.at_the_door()
    assert wire.in_room()[: len(wire.at_the_door())][2:] == wire.at_the_door()[2:]
    assert all(word in wire.in_room() for word in wire.join)
