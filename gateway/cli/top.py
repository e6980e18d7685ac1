"""
Pure: what `hubbub top` shows. Two snapshots of a running gateway and the size of a screen in, lines out.

Theory of operation. A screen has fewer lines than a tree has actors. The parts below the root are always there; what is
in trouble comes next, then the first child of each, the second of each, and so on, so that a thousand connections do
not push the app's own actors away. Rows keep the order of the tree and do not jump with every message.

Rates are differences between two snapshots: the first one has none. Everything that came from outside (names of topics,
texts of errors) is made printable here, so that no client can write to the terminal of whoever is on call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from .screen_text import cells, duration, fit, milliseconds, number, plural, printable
from .top_snapshot import Row, Snapshot

Style = str
"""`` for plain text, or the name of one of `COLOURS`."""

COLOURS: Mapping[Style, str] = {"title": "1", "heading": "2", "quiet": "2", "warn": "33", "bad": "31", "busy": "36"}
"""Numbers of SGR (ECMA-48 8.3.117): bold, faint, yellow, red, cyan; all of them legible on black and on white."""

WIDE = 100
"""Columns from which there is room for the class of each actor."""
STUCK = 1.0
"""Seconds a message is in hand before that is shown as trouble: the default of `stuck_warn`."""


@attrs.frozen
class Span:
    text: str
    style: Style = ""


Line = tuple[Span, ...]


@attrs.frozen
class Column:
    """One column of a table; `width` 0 takes what is left."""

    heading: str
    width: int
    is_number: bool = False


def plain(line: Line) -> str:
    """For pipes and tests."""
    return "".join(span.text for span in line).rstrip()


def coloured(line: Line) -> str:
    """For terminals."""
    return "".join(f"\x1b[{COLOURS[one.style]}m{one.text}\x1b[m" if one.style else one.text for one in line)


def frame(now: Snapshot, before: Snapshot | None, columns: int, rows: int, note: str = "") -> list[Line]:
    """
    Returns at most `rows` lines, none wider than `columns`.

    Args:
        before: An earlier snapshot of the same gateway, for rates.
        note: What to say instead of the rule below the header, such as that nobody answers any more.
    """
    view = _View(now, before, columns)
    errors, busiest = view.errors(), view.busiest()
    rest = max(0, rows - 7)  # three lines of header, the rule, two headings, one empty line
    error_rows = min(len(errors), max(1, rest // 8))
    rest -= error_rows + 2 if errors else 0
    busy_rows = min(len(busiest), max(3, rest // 4))
    lines = [*view.header(), _note_line(note, columns), *view.tree(max(1, rest - busy_rows))]
    lines += [(), *view.table_of_busiest(busiest[:busy_rows])]
    if errors:
        lines += [(), (Span("LAST ERRORS", "heading"),), *errors[:error_rows]]
    return [_cut_line(line, columns) for line in lines[:rows]]


class _View:
    """Two snapshots, and how wide they may be shown."""

    def __init__(self, now: Snapshot, before: Snapshot | None, columns: int) -> None:
        self._now = now
        self._before = before
        self._columns = columns
        self._seconds = now.at - before.at if before is not None else 0.0
        self._handled = {} if before is None else before.handled()

    # --- the header

    def header(self) -> Iterator[Line]:
        gateway = self._now.gateway
        yield self._title_line()
        restarts = Span(plural(gateway.restarts, "restart"), "warn" if gateway.restarts else "")
        yield _spread(
            Span(plural(gateway.connections, "connection")), Span(plural(gateway.topics, "topic")),
            Span(plural(gateway.actors, "actor")), restarts,
            *([Span(f"{number(gateway.gave_up)} given up", "bad")] if gateway.gave_up else []),
        )  # fmt: skip
        yield _spread(
            Span(f"{self._rate_of('handled')} messages/s"), Span(f"{self._rate_of('published')} published/s"),
            Span(f"{number(gateway.queued)} queued"), self._lag(),
        )  # fmt: skip

    def _title_line(self) -> Line:
        gateway = self._now.gateway
        state = Span("draining", "bad") if gateway.draining else Span("open")
        title = Span(printable(gateway.title), "title")
        return _spread(title, Span(printable(gateway.url)), Span(f"up {duration(gateway.uptime)}"), state)

    def _lag(self) -> Span:
        gateway = self._now.gateway
        text = f"loop lag {milliseconds(gateway.loop_lag)}, worst {milliseconds(gateway.loop_lag_worst)}"
        return Span(text, "bad" if gateway.loop_lag >= 0.1 else "")

    def _rate_of(self, name: str) -> str:
        if self._before is None or self._seconds <= 0:
            return "-"
        difference = getattr(self._now.gateway, name) - getattr(self._before.gateway, name)
        return number(round(max(0, difference) / self._seconds))

    # --- the tree

    def tree(self, rows: int) -> Iterator[Line]:
        shown = _choose(self._now.tree, rows)
        columns = [
            Column("TREE", 0), *([Column("CLASS", 20)] if self._columns >= WIDE else []), Column("PHASE", 10),
            Column("MAILBOX", 7, True), Column("MSGS/S", 7, True), Column("RESTARTS", 8, True),
            Column("LEFT", 4, True), Column("IN HAND", 24 if self._columns >= WIDE else 16),
        ]  # fmt: skip
        yield _headings(columns, self._columns)
        for row, indent in _drawn(self._now.tree, shown, "", ""):
            yield _cells(columns, self._columns, self._tree_spans(row, indent, shown))

    def _tree_spans(self, row: Row, indent: str, shown: set[str]) -> list[Span]:
        count = row.children_count
        hides = count > sum(child.path in shown for child in row.children)
        name = Span(f"{indent}{printable(row.name)}{f' ({number(count)})' if hides else ''}", _trouble_style(row))
        return [
            name, *([Span(printable(row.actor_class), "quiet")] if self._columns >= WIDE else []),
            Span(row.phase, "" if row.phase == "running" else "warn"),
            Span(number(row.mailbox), "busy" if row.mailbox else ""), Span(self._rate(row)),
            Span(number(row.restarts), "warn" if row.restarts else ""), _budget(row), _in_hand(row),
        ]  # fmt: skip

    def _rate(self, row: Row) -> str:
        earlier = self._handled.get(row.path)
        if earlier is None or self._seconds <= 0:
            return "-"
        return number(round(max(0, row.handled - earlier) / self._seconds))

    # --- the busiest, and what failed

    def busiest(self) -> list[Row]:
        """Those with the most waiting, then those that handled the most since the earlier snapshot."""
        busy = [row for row in self._now.busiest if row.mailbox or row.handled]
        return sorted(busy, key=self._busyness, reverse=True)

    def _busyness(self, row: Row) -> tuple[int, int, int]:
        return row.mailbox, max(0, row.handled - self._handled.get(row.path, row.handled)), row.handled

    def table_of_busiest(self, busiest: Sequence[Row]) -> Iterator[Line]:
        columns = [
            Column("BUSIEST", 0), Column("CLASS", 20 if self._columns >= WIDE else 16), Column("MAILBOX", 7, True),
            Column("MSGS/S", 7, True), Column("HANDLED", 9, True), Column("FAILED", 6, True),
        ]  # fmt: skip
        yield _headings(columns, self._columns)
        for row in busiest:
            failed = Span(number(row.failed), "warn" if row.failed else "")
            yield _cells(columns, self._columns, [
                Span(printable(row.path)), Span(printable(row.actor_class), "quiet"),
                Span(number(row.mailbox), "busy" if row.mailbox else ""), Span(self._rate(row)),
                Span(number(row.handled)), failed,
            ])  # fmt: skip

    def errors(self) -> list[Line]:
        failed = sorted((row for row in self._now.rows() if row.last_error), key=lambda row: -row.restarts)
        return [(Span(printable(row.path)), Span("  "), Span(printable(row.last_error or ""), "bad")) for row in failed]


# --- which rows


def _choose(tree: Row, rows: int) -> set[str]:
    """The paths that are shown: the root and its parts, then by trouble, then fairly among siblings."""
    shown = {tree.path, *(child.path for child in tree.children[: max(0, rows - 1)])}
    for lineage in sorted(_lineages(tree), key=_urgency):
        missing = {row.path for row, _ in lineage} - shown
        if len(shown) + len(missing) <= rows:
            shown |= missing
    return shown


_Lineage = tuple[tuple[Row, int], ...]
"""An actor behind those above it, each with its place among its siblings."""


def _lineages(row: Row, above: _Lineage = (), place: int = 0) -> Iterator[_Lineage]:
    own = (*above, (row, place))
    yield own
    for index, child in enumerate(row.children):
        yield from _lineages(child, own, index)


def _urgency(lineage: _Lineage) -> tuple[int, int, int]:
    row = lineage[-1][0]
    return -_trouble(row), -row.restarts, sum(place for _, place in lineage[2:])


def _trouble(row: Row) -> int:
    """2 for what is not well now, 1 for what was not, 0 for the rest."""
    is_stuck = row.doing_for is not None and row.doing_for >= STUCK
    if row.phase != "running" or is_stuck or row.budget_left == 0:
        return 2
    return 1 if row.restarts or row.last_error else 0


def _trouble_style(row: Row) -> Style:
    return ("", "warn", "bad")[_trouble(row)]


def _drawn(row: Row, shown: set[str], indent: str, below: str) -> Iterator[tuple[Row, str]]:
    yield row, indent
    children = [child for child in row.children if child.path in shown]
    for child in children:
        is_last = child is children[-1]
        yield from _drawn(child, shown, below + ("`- " if is_last else "|- "), below + ("   " if is_last else "|  "))


# --- cells


def _budget(row: Row) -> Span:
    left = row.budget_left
    return Span("-", "quiet") if left is None else Span(number(left), "bad" if left <= 0 else "")


def _in_hand(row: Row) -> Span:
    if row.doing is None:
        return Span("")
    seconds = row.doing_for or 0.0
    return Span(f"{duration(seconds)} {printable(row.doing)}", "bad" if seconds >= STUCK else "")


def _headings(columns: Sequence[Column], width: int) -> Line:
    return _cells(columns, width, [Span(column.heading, "heading") for column in columns])


def _cells(columns: Sequence[Column], width: int, spans: Sequence[Span]) -> Line:
    left = width - sum(column.width for column in columns) - (len(columns) - 1)
    line: list[Span] = []
    for column, span in zip(columns, spans, strict=True):
        size = column.width or max(8, left)
        text = fit(span.text, size)
        padding = " " * (size - cells(text))
        gap = Span(" ") if line else Span("")
        before, after = (padding, "") if column.is_number else ("", padding)
        line += [gap, Span(before), Span(text, span.style), Span(after)]
    return tuple(line)


def _spread(*spans: Span) -> Line:
    return tuple(part for span in spans for part in (span, Span("   ")))[:-1]


def _note_line(note: str, columns: int) -> Line:
    return (Span(fit(printable(note), columns), "bad"),) if note else ()


def _cut_line(line: Line, columns: int) -> Line:
    left, kept = columns, []
    for span in line:
        text = fit(span.text, left)
        kept.append(Span(text, span.style))
        left -= cells(text)
    return tuple(kept)
