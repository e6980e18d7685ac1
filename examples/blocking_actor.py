"""
SQLite in an actor with a thread of its own: it may block there, and the event loop never waits for it.

    python examples/blocking_actor.py
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path

import attrs

from actors import ActorSystem, BlockingActor, Request, handles

POEM = "the quick brown fox jumps over the lazy dog and the dog sleeps on"


@attrs.frozen
class Note:
    word: str


@attrs.frozen
class MostCommon(Request[list[tuple[str, int]]]):
    limit: int


class WordStore(BlockingActor):
    """One connection, one thread, one message at a time: what SQLite likes best."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def on_start(self) -> None:  # on its thread, as every handler and hook is; also after a restart
        self.database = sqlite3.connect(self.file)
        self.database.execute("CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY, times INTEGER NOT NULL)")

    def on_stop(self) -> None:
        self.database.close()

    @handles(Note)
    def note(self, message: Note) -> None:
        with self.database:
            self.database.execute(
                "INSERT INTO words VALUES (?, 1) ON CONFLICT (word) DO UPDATE SET times = times + 1", (message.word,)
            )

    @handles(MostCommon)
    def most_common(self, message: MostCommon) -> list[tuple[str, int]]:
        query = "SELECT word, times FROM words ORDER BY times DESC, word LIMIT ?"
        return self.database.execute(query, (message.limit,)).fetchall()


async def count_turns(turns: list[int]) -> None:
    """Counts how often the loop comes round while the database works."""
    while True:
        turns[0] += 1
        await asyncio.sleep(0)


async def main() -> None:
    turns = [0]
    with tempfile.TemporaryDirectory() as directory:
        async with ActorSystem("words") as system:
            store = system.spawn(WordStore, Path(directory) / "words.sqlite", name="store")
            counting = asyncio.create_task(count_turns(turns))
            for word in POEM.split():
                store.tell(Note(word))
            found = await store.request(MostCommon(3))  # behind all the notes: one sender, one order
            counting.cancel()
            print(f"{len(POEM.split())} words written, one transaction each; the most common are:")
            for word, times in found:
                print(f"  {word:<5} {'#' * times}")
            print("the event loop", "turned meanwhile" if turns[0] > 10 else "stood still")


if __name__ == "__main__":
    asyncio.run(main())
