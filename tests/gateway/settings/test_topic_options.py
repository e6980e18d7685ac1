"""What code says of topics is taken at its word, as a file's is: a wrong value is refused where it is written."""

from __future__ import annotations

from typing import Any

import pytest

from actors.config.config import ConfigError
from gateway import Gateway, HasRole, HeartbeatConfig, History, Limit, Room
from gateway.settings.config import GatewaySettings

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"join": "everyone"}, 'join: "everyone" is no choice here; write one of "anyone", "authenticated", "nobody"'),
    ({"publish": True}, 'publish: true is no choice here; write one of "anyone", "authenticated", "nobody"'),
    ({"join": HasRole("a")}, 'join: it is of type HasRole; write one of "anyone", "authenticated", "nobody"'),
    ({"max_members": [3]}, "max_members: it is of type list; write a whole number"),
    ({"slow": "drop"}, 'slow: "drop" is no choice here; write one of "disconnect", "drop_oldest", "conflate"'),
    ({"presence": "yes"}, 'presence: "yes" is a text; write true or false'),
    ({"presence_grace": "5s"}, 'presence_grace: "5s" is a text; write a finite number'),
    ({"presence_grace": 61}, "presence_grace: 61.0 is out of range; write a number from 0 to 60"),
    ({"max_members": "3"}, 'max_members: "3" is a text; write a whole number'),
    ({"max_members": 0}, "max_members: 0 is out of range; write a number from 1 to 2147483648"),
    ({"history": 100}, "history: 100 is no History; write History(size=100, ttl=3600.0)"),
    ({"history": {"size": 5}}, "history: it is a dict and no History; write History(size=100, ttl=3600.0)"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_a_wrong_value_of_a_topic_is_refused_with_the_option_and_the_value(options: dict[str, Any], said: str) -> None:
    """At the call, before there is a class to decorate."""
    app = Gateway()
    with pytest.raises(ConfigError) as raised:
        app.topic("game:{id}", **options)
    assert str(raised.value) == f"cannot read @app.topic('game:{{id}}').{said}"


def test_right_values_are_taken() -> None:
    """As they are; None is as if it was not said."""
    app = Gateway()
    said: dict[str, Any] = {"join": "nobody", "presence": True, "presence_grace": 5, "max_members": 2}
    said["history"] = History(size=3)
    app.topic("game:{id}", **said, slow=None)(type("Game", (Room,), {}))
    found = app.topics.within(GatewaySettings()).settings_for("game:7")
    assert {name: getattr(found, name) for name in said} == said
    assert (found.slow, found.publish) == ("disconnect", "anyone")


def test_the_history_of_a_channel_is_a_history() -> None:
    """Not its size; and the channel is not declared by the mistake."""
    app = Gateway()
    with pytest.raises(ConfigError, match=r"cannot read app.channel\('chat'\).history: 100 is no History; write"):
        app.channel("chat", history=100)  # type: ignore[arg-type]
    assert app.topics.channels == {}


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (History, {"size": -1}, "History.size: -1 is less than 0; write a whole number from 0 on"),
        (History, {"size": "3"}, 'History.size: "3" is no whole number; write one from 0 on'),
        (History, {"size": True}, "History.size: true is no whole number; write one from 0 on"),
        (History, {"ttl": "1h"}, 'History.ttl: "1h" is a text; write a number of seconds: 3600.0'),
        (History, {"ttl": 0}, "History.ttl: 0 is refused; write a number of seconds above 0"),
        (History, {"ttl": float("nan")}, "History.ttl: nan is refused; write a number of seconds above 0"),
        (HeartbeatConfig, {"ping_interval": None}, "HeartbeatConfig.ping_interval: None is refused; write a number of"),
        (HeartbeatConfig, {"max_missed_pings": 0}, "HeartbeatConfig.max_missed_pings: 0 is less than 1; write a whole"),
        (HeartbeatConfig, {"app_ping": "no"}, 'HeartbeatConfig.app_ping: "no" is refused; write True or False'),
        (Limit, {"messages": "5"}, 'Limit.messages: "5" is no whole number; write one from 1 on'),
        (Limit, {"messages": 5, "per": "1m"}, 'Limit.per: "1m" is a text; write a number of seconds: 60.0'),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_meant_is_refused_in_a_letter(kind: Any, wrong: dict[str, Any], said: str) -> None:
    """Which is a ValueError too, as what is wrong in Python usually is."""
    with pytest.raises(ConfigError) as raised:
        kind(**wrong)
    assert str(raised.value).startswith(f"cannot read {said}")
    assert isinstance(raised.value, ValueError)
