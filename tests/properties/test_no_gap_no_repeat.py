"""Whatever happened to a stream: recovery is exactly what was missed or refused, bounds hold, pages agree."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.stream import History, Page, Position, Stream


@attrs.frozen
class Note:
    """A publication as the stream sees it, told apart by its number."""

    number: int
    size_bytes: int


@attrs.define
class NaiveStream:
    """The same as a list that is cut anew after every step."""

    history: History
    kept: list[tuple[int, float, Note]] = attrs.Factory(list)
    top: int = 0

    def append(self, note: Note, now: float) -> None:
        self.top += 1
        self.kept.append((self.top, now, note))

    def cut(self, now: float) -> None:
        """Leaves the longest newest part that is within all three bounds."""
        for start in range(len(self.kept) + 1):
            rest = self.kept[start:]
            if (
                len(rest) <= self.history.size
                and sum(note.size_bytes for _, _, note in rest) <= self.history.max_bytes
                and all(now - at < self.history.ttl for _, at, _ in rest)
            ):
                self.kept = rest
                return


histories = st.builds(
    History,
    size=st.integers(0, 6),
    ttl=st.sampled_from([1.0, 5.0, 1e9]),
    max_bytes=st.sampled_from([0, 20, 50, 10_000]),
)
steps = st.one_of(
    st.tuples(st.just("append"), st.sampled_from([0, 1, 10, 30])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 4.0])),
    st.tuples(st.just("trim"), st.none()),
    st.tuples(st.just("clear"), st.none()),
)
questions = st.tuples(
    st.integers(0, 30),
    st.sampled_from(["", "e", "other"]),
    st.one_of(st.none(), st.integers(0, 8)),
    st.booleans(),
)


def play(history: History, played: list[tuple[str, object]]) -> tuple[Stream[Note], NaiveStream, float]:
    """Plays the same steps on both; after each one the bounds and the positions are compared."""
    stream: Stream[Note] = Stream("e", history, max_page=5)
    naive, now = NaiveStream(history), 0.0
    for number, (step, value) in enumerate(played):
        if step == "append":
            note = Note(number, value)  # type: ignore[arg-type]
            naive.append(note, now)
            naive.cut(now)
            assert stream.append(note, now) == Position(naive.top, "e")
        elif step == "wait":
            now += value  # type: ignore[operator]
        elif step == "trim":
            stream.trim(now)
            naive.cut(now)
        else:
            stream.clear()
            naive.kept.clear()
        assert len(stream) == len(naive.kept) <= history.size
        assert stream.size_bytes == sum(note.size_bytes for _, _, note in naive.kept) <= history.max_bytes
    naive.cut(now)
    return stream, naive, now


@given(histories, st.lists(steps, max_size=40), questions)
def test_recovery_has_no_gap_and_no_repeat(
    history: History, played: list[tuple[str, object]], question: tuple[int, str, int | None, bool]
) -> None:
    """Recovered if and only if all that was missed is kept, and then exactly that, in order."""
    stream, naive, now = play(history, played)
    offset, epoch, limit, _ = question
    recovery = stream.recover(Position(offset, epoch), now, limit=limit)
    missed = list(range(offset + 1, naive.top + 1))
    kept = {kept_offset: note for kept_offset, _, note in naive.kept}
    possible = (
        history.size > 0
        and epoch in ("", "e")
        and offset <= naive.top
        and all(each in kept for each in missed)
        and (limit is None or len(missed) <= limit)
    )
    assert recovery.recovered == possible
    assert (recovery.reason is None) == possible
    assert recovery.position == Position(naive.top, "e")
    expected = [(each, kept[each]) for each in missed] if possible else []
    assert [(entry.offset, entry.publication) for entry in recovery.entries] == expected


@given(histories, st.lists(steps, max_size=40), st.lists(steps, max_size=20))
def test_a_reader_who_comes_back_has_seen_everything_once(
    history: History, before: list[tuple[str, object]], away: list[tuple[str, object]]
) -> None:
    """Seen before, plus recovered after any absence, is every offset exactly once; or the reader is told."""
    left_at = sum(step == "append" for step, _ in before)
    stream, naive, now = play(history, before + away)
    recovery = stream.recover(Position(left_at, "e"), now)
    if recovery.recovered:
        seen = [*range(1, left_at + 1), *(entry.offset for entry in recovery.entries)]
        assert seen == list(range(1, naive.top + 1))
    else:
        assert recovery.reason in ("too_old", "no_history")


@given(histories, st.lists(steps, max_size=40), questions, st.booleans())
def test_pages_agree_with_the_list(
    history: History, played: list[tuple[str, object]], question: tuple[int, str, int | None, bool], from_end: bool
) -> None:
    """A page is the list, from `since` on in its direction, cut to the limit and the cap."""
    stream, naive, now = play(history, played)
    offset, _, limit, reverse = question
    since = None if from_end else Position(offset, "e")
    page = stream.page(since=since, limit=limit, reverse=reverse, now=now)
    expected = [kept_offset for kept_offset, _, _ in naive.kept]
    if reverse:
        expected = [each for each in reversed(expected) if from_end or each < offset]
    else:
        expected = [each for each in expected if from_end or each > offset]
    assert [entry.offset for entry in page.entries] == expected[: min(5 if limit is None else limit, 5)]
    assert page.position == Position(naive.top, "e")


@given(histories, st.lists(steps, max_size=60), st.integers(1, 5), st.booleans())
def test_page_after_page_reads_everything_once(
    history: History, played: list[tuple[str, object]], limit: int, reverse: bool
) -> None:
    """Going on from the last entry of each page visits all that is kept, in order, without a repeat."""
    stream, naive, now = play(history, played)
    read: list[int] = []
    since: Position | None = None
    while True:
        page: Page[Note] = stream.page(since=since, limit=limit, reverse=reverse, now=now)
        if not page.entries:
            break
        read.extend(entry.offset for entry in page.entries)
        since = Position(read[-1], "e")
    everything = [offset for offset, _, _ in naive.kept]
    assert read == (everything[::-1] if reverse else everything)
