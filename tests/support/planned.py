"""Files about actors, read and planned: tables to begin with, a program's parts, and letters about what cannot be."""

from __future__ import annotations

import tomllib

import pytest

from actors.config.config import ConfigError
from actors.config.converter import strict_converter
from actors.plan.blueprint import Blueprint, PlannedActor, PlannedSupervisor, plan
from actors.plan.references import Part
from actors.plan.settings import ROOT_SETTINGS, SHAPES, RuntimeSettings, SupervisorSettings, lay_over
from tests.support.configured import WORKER

A, B = f"[actor.a]\n{WORKER}", f"[actor.b]\n{WORKER}"
FED = '[actor.f]\nclass = "tests.support.configured:Fed"\n'
FAILING = '[actor.f]\nclass = "tests.support.configured:Failing"\n'
PARTS = {
    "engine": Part("the engine"),
    "rooms": Part(
        "rooms",
        children="one per room",
        default=SupervisorSettings(strategy="dynamic", passivate_after=60.0),
        obeys={"intensity", "passivate_after", "mailbox"},
        choices={"strategy": ("dynamic",), "overflow": ("unbounded", "fail")},
        after=("engine",),
    ),
    "app": Part("the app", default=SupervisorSettings(), obeys={"children", "intensity"}),
    "web": Part("the web server", is_actor=False, is_last=True),
}
BUILT_IN = {"root": ROOT_SETTINGS, **{name: one.default for name, one in PARTS.items() if one.default is not None}}


def read(text: str, parts: bool = False) -> RuntimeSettings:
    values = lay_over(tomllib.loads(text), BUILT_IN if parts else {"root": ROOT_SETTINGS})
    found: RuntimeSettings = strict_converter(SHAPES).structure(values, RuntimeSettings)
    return found


def planned(text: str, parts: bool = False) -> Blueprint:
    return plan(read(text, parts), parts=PARTS, home="app") if parts else plan(read(text))


def letters(text: str, parts: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planned(text, parts)
    return [str(one).removeprefix("cannot read ") for one in caught.value.letters()]


def supervisor(blueprint: Blueprint, name: str) -> PlannedSupervisor:
    found = blueprint.find(name)
    assert isinstance(found, PlannedSupervisor)
    return found


def actor(blueprint: Blueprint, name: str) -> PlannedActor:
    found = blueprint.find(name)
    assert isinstance(found, PlannedActor)
    return found
