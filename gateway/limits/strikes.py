"""How many offences are too many. Pure: the time is an argument, in monotonic seconds."""

from __future__ import annotations


class Strikes:
    """
    Counts offences in a sliding window; exact, since it keeps the times of the last `limit`.

    Args:
        limit: Strikes that are too many. 10: a client in a retry loop gets there, a clumsy person does not.
        window: Seconds. A minute, so that a page left open for a day is judged by its last minute.
    """

    __slots__ = ("_times", "limit", "window")

    def __init__(self, limit: int = 10, window: float = 60.0) -> None:
        if limit < 1 or window <= 0:
            raise ValueError(f"could not count strikes: limit {limit}, window {window} s; use 1 or more, and above 0")
        self.limit = limit
        self.window = window
        self._times: list[float] = []

    def strike(self, now: float) -> bool:
        """Counts one; True if with it `limit` or more happened within the last `window` seconds."""
        times = self._times
        times.append(now)
        if len(times) > self.limit:
            del times[0]
        return len(times) == self.limit and now - times[0] < self.window
