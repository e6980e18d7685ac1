"""Settings whose values are a few words: any other is refused where it is given, by its name and with those words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from collections.abc import Callable


def one_of(words: Any) -> Callable[[object, Any, object], None]:
    """A validator of attrs for a field of that `Literal`. It raises ValueError."""
    known = get_args(words)

    def check(_: object, field: Any, value: object) -> None:
        if value not in known:
            raise ValueError(f"{field.name} cannot be {value!r}: write one of {', '.join(map(repr, known))}")

    return check
