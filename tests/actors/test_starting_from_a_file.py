"""A planned tree is started: all of it, where it belongs, as often as one likes, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors import ActorDeadError, ActorSystem, Child, SystemFailed
from actors.clock import VirtualClock
from actors.config.config import ConfigError
from actors.supervision import ChildSpec
from tests.support.configured import Worker
from tests.support.planned import FAILING, A, B, planned


@pytest.mark.actors
async def test_a_system_from_a_file_is_up_when_it_is_entered(tmp_path: Path) -> None:
    """Every supervisor has its children, however deep."""
    file = tmp_path / "app.toml"
    file.write_text(f"[supervisor.x]\nchildren = ['y']\n[supervisor.y]\nchildren = ['a']\n{A}{B}")
    async with ActorSystem.from_toml(file) as system:
        assert [ref.path for ref in system.root.walk()] == ["/", "/x", "/x/y", "/x/y/a", "/b"]
        found = system.find("/x/y/a")
        assert found is not None
        assert await found.request("up") == "up"
        assert system.find("/x/z/a") is None


def test_a_letter_about_a_file_names_the_file(tmp_path: Path) -> None:
    """Also one about its tree."""
    file = tmp_path / "app.toml"
    file.write_text("[supervisor.x]\nchildren = ['y']")
    with pytest.raises(ConfigError, match=r"supervisor\.x\.children \(file .*app\.toml\): there is no"):
        ActorSystem.from_toml(file)


@pytest.mark.actors
@pytest.mark.allow_failures("TypeError", "RestartsExceeded")
async def test_a_child_that_cannot_be_made_fails_the_start() -> None:
    """And the tree is down again."""
    blueprint = planned("[supervisor.x]\nchildren = ['f']\n" + FAILING.replace("Failing", "Broken"))
    system = ActorSystem(blueprint=blueprint)
    with pytest.raises((SystemFailed, ActorDeadError)):
        await system.start()
    assert not system.root.is_alive()


@pytest.mark.actors
async def test_parts_and_additions_stand_where_they_belong(system: ActorSystem) -> None:
    """The program makes its parts; what it declares in code comes after what a file says; the rest it starts itself."""
    blueprint, order = planned(A, parts=True), []
    refs = await blueprint.start(
        system,
        {"engine": Child(Worker)},
        additions={"app": [Child(Worker, name="declared")]},
        started=lambda ref: order.append(ref.path),
    )
    assert order == ["/engine", "/rooms", "/app"]
    assert [ref.path for ref in refs["app"].children()] == ["/app/a", "/app/declared"]
    assert refs["engine"]._spec == ChildSpec("permanent")


@pytest.mark.actors
async def test_two_systems_run_from_one_blueprint(actor_loop: Any) -> None:
    """It holds no actor."""
    blueprint, clock = planned(A), VirtualClock(actor_loop)
    async with ActorSystem(blueprint=blueprint, clock=clock) as one, ActorSystem(blueprint=blueprint) as other:
        assert one.find("/a") is not other.find("/a")
