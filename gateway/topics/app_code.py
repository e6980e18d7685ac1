"""A topic's behaviour as its machine sees it: a child that is told, and owes an answer for each event it was handed."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from actors import ChildSpec
from actors.events import ActorFailed

from .. import wire_json
from ..messages.topic_messages import Submit
from ..reasons import Refused
from ..unknown_names import unknown_action
from .answers import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors import ActorRef

    from ..messages.commands import Result
    from ..messages.topic_messages import ClientEvent, Origin
    from ..node import Node
    from .behaviour import Behaviour
    from .seen import Seen
    from .topic import TopicActor


class AppCode:
    """
    Of a topic without a behaviour: takes nothing, and is told in vain.

    Args:
        seen: Where the answer to an event with a key is kept for who sends it again.
        watch: Has `look` called after so many seconds.
    """

    def __init__(self, behaviour: type[Behaviour] | None, seen: Seen, watch: Callable[[float], None]) -> None:
        self.behaviour = behaviour
        self.ref: ActorRef[Any] | None = None
        """The running child; None before it is started and after it was given up."""
        self._seen = seen
        self._watch = watch
        self._is_watched = False
        self._handed: dict[ClientEvent, None] = {}
        """Events that it has and has not answered; bounded by the credit of the connections that sent them."""
        self._not_begun: Refused | None = None

    def begin(self, topic: TopicActor, node: Node) -> bool:
        """
        Starts it under its topic, if there is any. False: its `initial_state` refuses, or it could not be made.

        Then nothing goes on that could be restarted: who has asked is answered, who asks after that has another try.
        """
        if self.behaviour is None:
            return True
        spec = ChildSpec(restart="permanent", shutdown=5.0)
        try:
            self.ref = topic.spawn(self.behaviour, topic, node, name="behaviour", spec=spec)
        except Exception as error:
            self._not_begun = _refusal_of(error)
            if self._not_begun is not error:
                node.events.publish(ActorFailed(topic.actor_ref, error, "on_start"))
            return False
        topic.watch(self.ref)
        return True

    def refuses_all(self, messages: list[object]) -> bool:
        """Of a topic that never began: each who asked is answered why. Else False, and nobody is."""
        if self._not_begun is None:
            return False
        for message in messages:
            if isinstance(message, Submit):
                answer(message.origin, message.command.reply, self._not_begun)
        return True

    @property
    def allows_joins(self) -> bool:
        """Whether it wants to be asked before somebody joins."""
        return self.ref is not None and self.behaviour is not None and self.behaviour.allows_joins

    def takes(self, origin: Origin, event: str) -> bool:
        """Whether it has a handler for this event: of clients only, or one that publishes would call itself."""
        if self.ref is None or self.behaviour is None or origin.connection is None:
            return False
        return event in self.behaviour.events

    def check_passes_on(self, origin: Origin, event: str) -> None:
        """For an event that it does not take. Raises Refused, naming the nearest, if it lets nothing past itself."""
        code = self.behaviour
        if code is None or code.passes_on or origin.connection is None:
            return
        raise unknown_action("nothing here handles", event, code.events)

    def tell(self, message: object) -> bool:
        """Whether it was there to be told; loop thread only."""
        if self.ref is None or not self.ref.is_alive():
            return False
        self.ref.tell(message)
        if not self._is_watched:
            self._watch_it()
        return True

    def reach(self) -> ActorRef[Any]:
        """
        Where app code tells it something itself, or asks.

        Raises:
            Refused: `not_available` if there is none, `internal` if it was given up.
        """
        if self.behaviour is None:
            raise Refused("not_available", "there is no code to be told: no @app.topic declares a class for this name")
        if self.ref is None or not self.ref.is_alive():
            raise Refused("internal")
        if not self._is_watched:
            self._watch_it()
        return self.ref

    @property
    def has_work(self) -> bool:
        """Whether anything waits for it, or is in its hands."""
        return bool(self._handed) or (self.ref is not None and self.ref.counts().queued > 0)

    def look(self) -> None:
        """Ends a handler that has taken too long: it is a failure of the behaviour, and what waits goes on after it."""
        self._is_watched = False
        if self.ref is None or not self.ref.is_alive() or self.behaviour is None:
            return
        info = self.ref.info()
        if info.doing_for is not None and info.doing_for >= (self.behaviour.patience or inf):
            self.ref.kill()
        if self._handed or info.doing is not None:
            self._watch_it()

    def _watch_it(self) -> None:
        """One timer while there is anything to do, not one for each message: it may come a patience late."""
        if self.behaviour is not None and self.behaviour.patience is not None:
            self._is_watched = True
            self._watch(self.behaviour.patience)

    def hand_over(self, event: ClientEvent) -> None:
        """One that was sent before under the same key gets the first one's answer, and is not handled again."""
        if event.key is None or self._seen.is_new(event.key, lambda known: answer(event.origin, event.reply, known)):
            self._handed[event] = None
            if not self.tell(event):
                self.answer(event, Refused("internal"))

    def answer(self, event: ClientEvent, result: Result) -> None:
        """The one answer to an event; later ones are not heard."""
        if event not in self._handed:
            return
        del self._handed[event]
        answer(event.origin, event.reply, result)
        if event.key is not None:
            self._seen.settle(event.key, result, keep=not isinstance(result, Refused))

    def give_up(self, error: Refused) -> None:
        """The topic ends: whoever waits learns it."""
        for event in tuple(self._handed):
            self.answer(event, error)


def _refusal_of(error: Exception) -> Refused:
    """The words of app code if it has refused in some that a wire can carry, else `internal`."""
    if not isinstance(error, Refused):
        return Refused("internal")
    try:
        wire_json.check_refusal(error)
    except (TypeError, ValueError):
        return Refused("internal")
    return error
