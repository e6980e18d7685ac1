"""How long the process stands still while Python looks for garbage; nothing else runs meanwhile, on no thread."""

from __future__ import annotations

import gc
from time import perf_counter


class GcPauses:
    """Of this process, from `start` to `stop`. Seconds; a loop's own clock stands still in a pause and sees nothing."""

    def __init__(self) -> None:
        self.total = 0.0
        self.worst = 0.0
        self._begun = 0.0

    def start(self) -> None:
        gc.callbacks.append(self._note)

    def stop(self) -> None:
        """Once for each `start`; without one it does nothing."""
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)

    def _note(self, phase: str, _: object) -> None:
        if phase == "start":
            self._begun = perf_counter()
        elif self._begun:
            pause, self._begun = perf_counter() - self._begun, 0.0
            self.total += pause
            self.worst = max(self.worst, pause)
