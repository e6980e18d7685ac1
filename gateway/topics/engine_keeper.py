"""/engine: the housekeeping of whatever keeps positions, histories and idempotency keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors import Actor, handles

from ..events import EngineRestarted, HistoriesGaveWay

if TYPE_CHECKING:
    from ..node import Node


class EngineKeeper(Actor):
    """/engine: owns the engine's housekeeping. The engine itself outlives a restart of this actor."""

    SWEEP = 60.0
    """Seconds; what nobody uses any more takes its memory at most so much longer than its own time."""

    BREATH = 0.01
    """Seconds between two portions of a sweep, in which others have their turn."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node
        self._said = node.engine.given_way

    def on_start(self) -> None:
        self.timers.fixed_delay("sweep", self.SWEEP, self.SWEEP)

    def post_restart(self) -> None:
        self._node.events.publish(EngineRestarted(self.actor_ref.info().incarnation))

    @handles(float)
    def sweep(self, _: float) -> None:
        engine = self._node.engine
        engine.sweep()
        if not engine.is_swept:
            self.timers.once("rest", self.BREATH, self.BREATH)
        elif engine.given_way > self._said:
            self._node.events.publish(HistoriesGaveWay(engine.given_way - self._said))
            self._said = engine.given_way
