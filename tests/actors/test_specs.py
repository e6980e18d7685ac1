"""What says how actors are kept is refused where it is written if it cannot be meant, as a type checker would."""

from __future__ import annotations

from typing import Any

import pytest

from actors import Backoff, ChildSpec, Mailbox, SupervisorSpec

CANNOT_BE_MEANT = [
    (ChildSpec, {"restart": "always"}),  # a word of containers; it was never restarted
    (ChildSpec, {"restart": "Permanent"}),
    (ChildSpec, {"shutdown": "5s"}),
    (ChildSpec, {"shutdown": -1}),
    (ChildSpec, {"shutdown": float("nan")}),
    (SupervisorSpec, {"strategy": "one-for-one"}),
    (SupervisorSpec, {"intensity": -1}),
    (SupervisorSpec, {"intensity": "3"}),
    (SupervisorSpec, {"period": 0}),
    (SupervisorSpec, {"scope": "children"}),
    (SupervisorSpec, {"on_exceeded": "stop"}),
    (SupervisorSpec, {"auto_shutdown": "always"}),
    (Backoff, {"max": float("nan")}),
    (Mailbox, {"capacity": 3, "overflow": "drop"}),
]


@pytest.mark.parametrize(("kind", "said"), CANNOT_BE_MEANT, ids=str)
def test_what_cannot_be_meant_is_refused_where_it_is_written(kind: Any, said: dict[str, Any]) -> None:
    """A number is refused by the name of its field, a word with those that there are; a text is no number."""
    with pytest.raises((ValueError, TypeError)) as refused:
        kind(**said)
    name = list(said)[-1]
    assert refused.type is TypeError or name in str(refused.value)
    words = {"restart": "'transient'", "strategy": "'one_for_one'", "overflow": "drop_oldest"}
    assert words.get(name, "") in str(refused.value)
