"""The tree and its worst case in words, as people read them."""

from __future__ import annotations

from actors.plan.drawing import tree_lines, worst_lines
from tests.support.configured import WORKER
from tests.support.planned import A, B, planned


def test_the_tree_is_drawn_in_columns_with_what_each_obeys() -> None:
    """What is not a default says who said it."""
    text = f"""
        [supervisor.feeds]
        strategy = "rest_for_one"
        children = ["a", "c"]
        [supervisor.pool]
        strategy = "dynamic"
        {A}restart = "permanent"
        shutdown = "0s"
        [actor.c]
        class = "tests.support.configured:Bounded"
    """
    origins = {"supervisor.feeds.strategy": "file x", "supervisor.feeds.backoff.min": "file x", "actors.x": "file x"}
    drawn = tree_lines(planned(text), {**origins, "supervisor.pool.strategy": "default"})
    assert [" ".join(line.split()) for line in drawn] == [
        "what restart stop within restarts forgiven mailbox said by",
        "/ one_for_one 3 in 1m, then exit",
        "├─ feeds rest_for_one permanent no limit 5 in 30s, then escalate file x: strategy, backoff",
        "│ ├─ a tests.support.configured:Worker permanent killed",
        "│ └─ c tests.support.configured:Bounded transient 5s 7, then drop_newest; told at 10,000",
        "└─ pool dynamic permanent no limit 5 in 30s each, then stop it",
        "└─ * transient 5s",
    ]
    assert len({line.index(word) for line, word in zip(drawn[2:4], ("permanent", "permanent"), strict=True)}) == 1


def test_the_worst_case_is_said_in_words() -> None:
    """One sentence for each supervisor with leaves."""
    text = f"""
        [supervisor.feeds]
        intensity = 2
        children = ["a"]
        [supervisor.slow]
        intensity = 10
        children = ["b"]
        [supervisor.pool]
        strategy = "dynamic"
        [supervisor.brief]
        strategy = "dynamic"
        restart = "temporary"
        {A}{B}[actor.c]
        {WORKER}
    """
    assert worst_lines(planned(text)) == [
        "below /: one that keeps failing is restarted at most 3 times in 300ms, then all of it ends",
        "below feeds: one that keeps failing is restarted at most 11 times in 700ms, then all of it ends",
        "below slow: one that keeps failing is restarted for ever: the back-off is slower than the budget",
        "below pool: one that keeps failing is restarted at most 5 times in 1.5s, then it alone is stopped",
        "below brief: none is ever restarted",
    ]
