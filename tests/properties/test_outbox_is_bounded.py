"""An outbox agrees with a list: bounded or overflown, in order, and nothing lost that must not be."""

from __future__ import annotations

import random
from typing import cast

import attrs
from hypothesis import given
from hypothesis import strategies as st

from gateway.sockets.outbox import Entry, Outbox, SlowPolicy
from tests.support.laws import examples

MAX_AGE = 10.0


@attrs.define
class NaiveOutbox:
    """The same as a list that is searched from the front every time."""

    max_bytes: int
    max_entries: int
    waiting: list[Entry] = attrs.Factory(list)

    def size(self) -> int:
        return sum(len(each.frame) for each in self.waiting)

    def push(self, entry: Entry, now: float) -> tuple[bool, list[Entry], bool]:
        """Returns kept, dropped, overflow."""
        dropped = [each for each in self.waiting if each.slow == "drop_oldest" and now - each.at > MAX_AGE]
        self.waiting = [each for each in self.waiting if each not in dropped]
        rest = [each for each in self.waiting if not replaces(entry, each)]
        if any(now - each.at > MAX_AGE for each in rest):
            return False, dropped, True
        stay = [entry, *(each for each in rest if each.slow != "drop_oldest")]
        if sum(len(each.frame) for each in stay) > self.max_bytes or len(stay) > self.max_entries:
            droppable = entry.slow == "drop_oldest"
            return False, [*dropped, entry] if droppable else dropped, not droppable
        dropped += [each for each in self.waiting if each not in rest]
        self.waiting = [*rest, entry]
        while self.size() > self.max_bytes or len(self.waiting) > self.max_entries:
            oldest = next(each for each in self.waiting if each.slow == "drop_oldest" and each is not entry)
            self.waiting.remove(oldest)
            dropped.append(oldest)
        return True, dropped, False

    def take(self, max_bytes: int) -> list[bytes]:
        taken: list[bytes] = []
        while self.waiting and (not taken or sum(map(len, taken)) + len(self.waiting[0].frame) <= max_bytes):
            taken.append(self.waiting.pop(0).frame)
        return taken


def replaces(new: Entry, old: Entry) -> bool:
    """Whether both are values of one key."""
    return new.slow == old.slow == "conflate" and new.key is not None and (new.topic, new.key) == (old.topic, old.key)


policies: list[SlowPolicy] = ["disconnect", "drop_oldest", "conflate"]
pushes = st.tuples(
    st.just("push"),
    st.tuples(
        st.sampled_from(policies),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["x", "y", None]),
        st.integers(0, 30),
    ),
)
others = st.one_of(
    st.tuples(st.just("take"), st.sampled_from([0, 10, 60, 10_000])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 4.0, 9.0])),
)
steps = st.one_of(pushes, pushes, others)


@attrs.define
class Story:
    """What a run of pushes and takes did, both as it was reported and as it was seen."""

    pushed: list[Entry] = attrs.Factory(list)
    kept: list[Entry] = attrs.Factory(list)
    dropped: list[Entry] = attrs.Factory(list)
    overflown: list[Entry] = attrs.Factory(list)
    written: list[bytes] = attrs.Factory(list)
    offset: int = 0
    now: float = 0.0


def step(story: Story, box: Outbox, naive: NaiveOutbox, act: str, value: object) -> None:
    """Does one thing on both and compares everything that can be seen."""
    if act == "push":
        slow, topic, key, size = cast("tuple[SlowPolicy, str | None, str | None, int]", value)
        story.offset += 1
        frame = b"%06d" % story.offset + b"." * size
        entry = Entry(frame, story.now, topic, story.offset, key, slow)
        verdict = box.push(entry, story.now)
        assert (verdict.kept, list(verdict.dropped), verdict.overflow) == naive.push(entry, story.now)
        story.pushed.append(entry)
        story.dropped.extend(verdict.dropped)
        (story.kept if verdict.kept else story.overflown if verdict.overflow else []).append(entry)
        if not verdict.overflow:
            assert box.oldest_at is None or story.now - box.oldest_at <= MAX_AGE
    elif act == "take":
        taken = box.take(value)  # type: ignore[arg-type]
        assert taken == naive.take(value)  # type: ignore[arg-type]
        story.written.extend(taken)
    else:
        story.now += value  # type: ignore[operator]
    assert box.size_bytes == naive.size() <= box.max_bytes
    assert len(box) == len(naive.waiting) <= box.max_entries
    assert bool(box) == bool(naive.waiting)
    assert box.oldest_at == (naive.waiting[0].at if naive.waiting else None)
    assert box.too_old(story.now) == any(
        story.now - each.at > MAX_AGE for each in naive.waiting if each.slow != "drop_oldest"
    )


def check_promises(story: Story, box: Outbox) -> None:
    """What must be true of every story, whatever the policy in detail."""
    out = story.written + box.take(1 << 30)
    order = {entry.frame: number for number, entry in enumerate(story.pushed)}
    assert [order[frame] for frame in out] == sorted(order[frame] for frame in out), "not a subsequence"
    assert len(set(out)) == len(out), "written twice"
    for topic in {entry.topic for entry in story.pushed}:
        offsets = [entry.offset for entry in story.pushed if entry.topic == topic and entry.frame in set(out)]
        assert offsets == sorted(offset for offset in offsets if offset is not None)
    assert all(entry.slow != "disconnect" for entry in story.dropped)
    gone = {entry.frame for entry in story.dropped}
    assert set(out) == {entry.frame for entry in story.kept} - gone
    assert len(gone) == len(story.dropped), "dropped twice"
    assert {entry.frame for entry in story.pushed} == set(out) | gone | {entry.frame for entry in story.overflown}


@given(st.sampled_from([30, 100, 300]), st.integers(1, 8), st.lists(steps, max_size=60))
def test_an_outbox_agrees_with_a_list(max_bytes: int, max_entries: int, played: list[tuple[str, object]]) -> None:
    """Every verdict, every take, every count; and the promises hold for the whole story."""
    box, naive, story = Outbox(max_bytes, MAX_AGE, max_entries), NaiveOutbox(max_bytes, max_entries), Story()
    for act, value in played:
        step(story, box, naive, act, value)
    check_promises(story, box)


@examples(20)
@given(st.integers(0, 1 << 32))
def test_a_long_congestion_agrees_with_a_list(seed: int) -> None:
    """Long enough that holes are compacted more than once."""
    source = random.Random(seed)
    box, naive, story = Outbox(1000, MAX_AGE, 40), NaiveOutbox(1000, 40), Story()
    for _ in range(600):
        if source.random() < 0.02:
            step(story, box, naive, "take", source.choice([1, 50]))
        slow = source.choices(policies, [1, 20, 20])[0]
        step(story, box, naive, "push", (slow, source.choice("ab"), source.choice("xyz"), source.randrange(20)))
    check_promises(story, box)
