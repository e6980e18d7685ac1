"""What anybody may use is known to who starts the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway import Gateway, IsAuthenticated, Room
from gateway.events import TopicsLeftOpen
from gateway.settings.auth import AuthSettings
from gateway.settings.config import GatewaySettings
from gateway.settings.listen import ListenSettings
from gateway.settings.open_topics import MAX_NAMED, open_patterns
from gateway.settings.topic import TopicSettings

if TYPE_CHECKING:
    from collections.abc import Iterable


def room(app: Gateway, pattern: str, **options: Any) -> Gateway:
    app.topic(pattern, **options)(type("Game", (Room,), {}))
    return app


def opened(settings: GatewaySettings, permits: Iterable[str] = ()) -> tuple[str, ...]:
    return open_patterns(settings.topics, settings, settings.topic_table().settings_for, permits)


def test_what_anybody_may_use_is_known() -> None:
    """To join or to publish; not what a permission is asked about."""
    app = room(room(Gateway(), "game:{id}"), "board:*", join="authenticated", publish="authenticated")
    app.permits("team:*")(IsAuthenticated())
    room(app, "team:{name}")
    topics = {"wall": TopicSettings(publish="anyone"), "news:*": TopicSettings()}
    settings = GatewaySettings(topics=topics)
    patterns, force = [*topics, *app.topics.given], app.topics.within(settings)
    assert open_patterns(patterns, settings, force.settings_for, app.topics.permits) == ("wall", "game:{id}")


async def test_the_start_names_them(gateway: Any) -> None:
    """Once, as one fact and one line; nothing is said where there is nothing to say."""
    app = Gateway()
    for number in range(30):
        room(app, f"game{number}:*")
    async with gateway(app) as server:
        (left,) = server.facts[TopicsLeftOpen]
        assert (left.count, len(left.patterns), left.patterns[:2]) == (30, MAX_NAMED, ("game0:*", "game1:*"))
    async with gateway(room(Gateway(), "game:*", join="authenticated", publish="nobody")) as server:
        assert server.facts[TopicsLeftOpen] == []


def test_where_nobody_is_anonymous_or_all_is_open_anyway_nothing_is_named() -> None:
    """Development mode says so itself; who has to have a token is not everybody."""
    topics = {"wall": TopicSettings(join="anyone")}
    known = GatewaySettings(topics=topics, gateway=ListenSettings(auth=AuthSettings(anonymous=False)))
    assert opened(known) == ()
    assert opened(GatewaySettings(topics=topics, development=True)) == ()
    assert opened(GatewaySettings(topics=topics)) == ("wall",)
