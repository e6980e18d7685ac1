"""What can go wrong between actors, each as a letter to the person on call."""

from __future__ import annotations

import pykka


class ActorDeadError(pykka.ActorDeadError):
    """The actor is gone: it will not handle this message, nor any later one. `reason` says how it ended."""

    def __init__(self, message: str, reason: str = "stopped") -> None:
        super().__init__(message)
        self.reason = reason


class AskTimeout(pykka.Timeout, TimeoutError):
    """No answer came within the deadline of a `request`. `state` says, as a clause, what kept the target from it."""

    def __init__(self, target: str, message_type: str, waited: float, state: str) -> None:
        super().__init__(
            f"no answer from {target} to {message_type}: waited {waited:g} s and {state}; "
            "raise the timeout, or look at what its handler waits for"
        )
        self.target, self.message_type, self.waited, self.state = target, message_type, waited, state


class WouldBlockLoop(RuntimeError):
    """A blocking call was made on the thread of a running event loop, which it would have stopped for everyone."""


class AskedSelf(RuntimeError):
    """An actor asked itself and would have waited for its own next turn for ever."""


class AskCycleError(RuntimeError):
    """Actors that wait for each other's answers in a ring. `path` begins and ends with the one that would close it."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(
            f"could not ask: {' -> '.join(path)} would wait for each other; tell instead of asking, or pipe_to_self"
        )
        self.path = path


class NameTaken(ValueError):
    """Another child of the same parent has this name and is alive."""


class MailboxFull(RuntimeError):
    """A bounded mailbox with overflow "fail" refused the message; the sender still has it."""

    def __init__(self, target: str, capacity: int) -> None:
        super().__init__(
            f"could not tell {target}: its mailbox holds {capacity} messages, its capacity; slow down, or drop"
        )
        self.target, self.capacity = target, capacity


class RestartsExceeded(RuntimeError):
    """A child failed more often than its supervisor's budget allows. `__cause__` is its last failure."""

    def __init__(self, child: str, intensity: int, period: float) -> None:
        super().__init__(
            f"gave up restarting {child}: more than {intensity} restarts in {period:g} s; "
            "mend what makes it fail, or raise the intensity"
        )
        self.child, self.intensity, self.period = child, intensity, period


class NotCharged(Exception):
    """
    Wraps a failure that is not the actor's fault: it restarts at once and its restart budget is not touched.

    For code that runs on behalf of somebody who is made to pay instead (a client whose messages make a handler fail).
    `__cause__` is the failure.

    Args:
        charged_to: Who that is, for the log.
    """

    def __init__(self, *args: object, charged_to: str = "") -> None:
        super().__init__(*args)
        self.charged_to = charged_to


class SystemFailed(RuntimeError):
    """The root's budget was spent and the system ended by itself. `__cause__` is the failure that did it."""


class NotInSystem(RuntimeError):
    """An actor was started outside of any actor system."""


class BadActor(TypeError):
    """A class cannot work as an actor as it is written; raised when the class is made or first spawned."""


MAX_SHORT = 200
"""Characters of an error that is shown in one line: two lines of a terminal, and a bound for what is kept per actor."""


def in_short(error: BaseException) -> str:
    """Type and text of an error on one line; of one that only says who pays (`NotCharged`), what it stands for."""
    if isinstance(error, NotCharged) and error.__cause__ is not None:
        error = error.__cause__
    try:
        text = " ".join(str(error)[:MAX_SHORT].split())
    except Exception as broken:  # its __str__ is app code
        text = f"its text cannot be had: {type(broken).__name__}"
    return f"{type(error).__name__}: {text}".removesuffix(": ")[:MAX_SHORT]
