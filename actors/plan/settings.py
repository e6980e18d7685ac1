"""
What a file may say about actors: how turns are cut, mailboxes, supervisors, and the actors of a program.

Rules of this file: a class for each table, a default with unit and reason for each key; `None` means that the default
depends on another key, and the reason says how. Whether names refer to something is checked by `references`.
"""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from ..cell.environment import ASK_TIMEOUT
from ..config.config import ConfigError, Shapes, between, gather, setting, shapes_of
from ..config.converter import NO_SUCH_SETTING, load_toml, strict_converter
from ..config.units import Duration
from ..mail.mailbox import Mailbox, Overflow
from ..supervision import AutoShutdown, Backoff, OnExceeded, RestartType, Scope, Strategy, usual_end, usual_scope
from ..turns.dispatcher import DispatcherSettings

if TYPE_CHECKING:
    from pathlib import Path

SHAPES: Shapes = {
    DispatcherSettings: {"slice": Duration, "stuck_warn": Duration},
    Backoff: {"initial": Duration, "min": Duration, "max": Duration, "reset_after": Duration},
}
"""What the numbers of classes are that know nothing of files."""

LONGEST = 365 * 86_400.0
"""Seconds: what is longer was meant otherwise."""
HIGH_WATER = 10_000
ROOT = "root"


def read_only(table: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(table))


def _longer_than_nothing(_: object, field: attrs.Attribute[Any], value: float) -> None:
    if not 0 < value <= LONGEST:
        raise ConfigError(field.name, f"{value:g} s is out of range", 'write more than "0s" and at most "365d"')


@attrs.frozen(kw_only=True)
class MailboxSettings:
    """[actors.mailbox.NAME]: how many messages may wait, and what happens to the next one."""

    capacity: int | None = setting(
        None,
        unit="messages",
        reason="How many may wait. Not set is no bound, right for trusted senders.",
        validator=attrs.validators.optional(between(1, 2**31)),
    )
    high_water: int | None = setting(
        None,
        unit="messages",
        reason="How many have to wait until the actor and the log are told. Not set is half of the capacity, or 10,000 "
        "where there is none: about 1 s of work at 100 us each.",
        validator=attrs.validators.optional(between(1, 2**31)),
    )
    overflow: Overflow | None = setting(
        None,
        reason='What a full one does: "fail" tells the sender, "drop_newest" and "drop_oldest" make dead letters. '
        'Not set is "fail" with a capacity and "unbounded" without.',
    )

    def __attrs_post_init__(self) -> None:
        if self.capacity is None and self.overflow not in (None, "unbounded"):
            raise ConfigError("overflow", f'"{self.overflow}" needs a capacity', "add capacity, or leave this out")
        if self.capacity is not None and self.overflow == "unbounded":
            raise ConfigError("overflow", f'"unbounded" contradicts a capacity of {self.capacity}', "keep one of them")
        if self.capacity is not None and self.high_water is not None and self.high_water > self.capacity:
            fact = f"{self.high_water} is above the capacity of {self.capacity} and would never be seen"
            raise ConfigError("high_water", fact, "write less")

    def mailbox(self) -> Mailbox:
        """What the runtime obeys."""
        if self.capacity is None:
            return Mailbox(None, "unbounded", self.high_water or HIGH_WATER)
        return Mailbox(self.capacity, self.overflow or "fail", self.high_water or max(1, self.capacity // 2))


@attrs.frozen(kw_only=True)
class ActorsSettings:
    """[actors]: what all actors of the process share."""

    ask_timeout: Duration = setting(
        ASK_TIMEOUT,
        unit="seconds",
        reason="How long a request waits that does not say it. 5 is below the 10 s after which people reload a page.",
        validator=_longer_than_nothing,
    )
    dispatcher: DispatcherSettings = setting(DispatcherSettings(), reason="")
    mailbox: Mapping[str, MailboxSettings] = attrs.field(
        factory=dict, converter=read_only, metadata={"reason": "Mailboxes by name, for supervisors and actors to name."}
    )


@attrs.frozen(kw_only=True)
class SupervisorSettings:
    """[supervisor.NAME]: whom it starts, in which order, and what becomes of one that ends."""

    strategy: Strategy = setting(
        "one_for_one",
        reason='Who is restarted: the one that failed, "one_for_all", or "rest_for_one", those started after it as '
        'well. "dynamic" has children that come and go.',
    )
    intensity: int = setting(
        5,
        unit="restarts",
        reason="How many are forgiven within the period; 0 forgives none.",
        validator=between(0, 1_000_000),
    )
    period: Duration = setting(
        30.0, unit="seconds", reason="How far back restarts are counted.", validator=_longer_than_nothing
    )
    intensity_scope: Scope | None = setting(
        None,
        reason='Whose restarts are counted: of all together ("supervisor"), or of each "child". Not set is "child" for '
        "dynamic ones, where two that crash would else stop all of them.",
    )
    on_exceeded: OnExceeded | None = setting(
        None,
        reason='Then: "stop_child" ends that child, "escalate" fails this supervisor, "exit" ends the system, for root '
        'alone. Not set is "stop_child" for dynamic ones, "exit" for root, "escalate" for others.',
    )
    auto_shutdown: AutoShutdown = setting(
        "never", reason='Whether it ends with its significant children: "any_significant", "all_significant".'
    )
    restart: RestartType = setting(
        "transient",
        reason="Of its children that do not say their own: after failures, always (permanent), never (temporary). "
        "Supervisors below it are permanent, those with auto_shutdown transient.",
    )
    shutdown: Duration | None = setting(
        None,
        unit="seconds",
        reason="How long its children may take to stop that do not say it; 0 kills at once. Not set is 5 s.",
        validator=attrs.validators.optional(between(0, LONGEST)),
    )
    mailbox: str = setting(
        "", reason="The [actors.mailbox.NAME] of its children that do not name one. Empty is what their class says."
    )
    children: tuple[str, ...] = setting(
        (), reason="Supervisors and actors, in start order; they stop in the reverse. None for dynamic ones."
    )
    passivate_after: Duration | None = setting(
        None,
        unit="seconds",
        reason="How long a child that nobody needs stays; what it keeps elsewhere outlives it.",
        validator=attrs.validators.optional(_longer_than_nothing),
    )
    backoff: Backoff = setting(
        Backoff(),
        reason="Before a restart: { initial, min, max, factor, jitter, reset_after }, forgotten after health.",
    )

    def __attrs_post_init__(self) -> None:
        if self.backoff.min > self.backoff.max:
            fact = f"{self.backoff.min:g} s is longer than the max of {self.backoff.max:g} s"
            raise ConfigError("backoff.min", fact, "swap them, or shorten it")

    @property
    def scope(self) -> Scope:
        return self.intensity_scope or usual_scope(self.strategy)

    @property
    def then(self) -> OnExceeded:
        """What happens when the budget is spent; the root says so itself."""
        return self.on_exceeded or usual_end(self.strategy)


def _is_class_path(_: object, field: attrs.Attribute[Any], value: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", value):
        raise ConfigError("class", f'"{value}" is no import path', 'write "module:Class"')


def _frozen(value: Any) -> Any:
    """Lists become tuples: an instance that changed one would hand the change to its successor."""
    if isinstance(value, Mapping):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@attrs.frozen(kw_only=True)
class ActorSettings:
    """[actor.NAME]: an actor of the program itself, by import path."""

    class_: str = attrs.field(
        validator=_is_class_path, metadata={"key": "class", "reason": 'As "module:Class"; a subclass of Actor.'}
    )
    args: Mapping[str, Any] = attrs.field(
        factory=dict,
        converter=_frozen,
        metadata={"reason": "For its __init__, by name. Lists arrive as tuples."},
    )
    restart: RestartType | None = setting(None, reason="Not set is what its supervisor says.")
    shutdown: Duration | None = setting(
        None,
        unit="seconds",
        reason="How long it may take to stop; 0 kills at once. Not set is what its supervisor says.",
        validator=attrs.validators.optional(between(0, LONGEST)),
    )
    significant: bool = setting(False, reason="Whether its end by itself counts for the auto_shutdown above it.")
    mailbox: str = setting("", reason="Its [actors.mailbox.NAME]. Empty is what its supervisor says, or its class.")


ROOT_SETTINGS = SupervisorSettings(intensity=3, period=60.0, on_exceeded="exit")
"""Above it is only whoever restarts the process, so it gives up sooner than the supervisors below."""


def _with_root(supervisors: Mapping[str, SupervisorSettings]) -> Mapping[str, SupervisorSettings]:
    return read_only({ROOT: ROOT_SETTINGS, **supervisors})


@attrs.frozen(kw_only=True)
class RuntimeSettings:
    """Everything about actors. Immutable; two systems may have two."""

    actors: ActorsSettings = setting(ActorsSettings(), reason="")
    supervisor: Mapping[str, SupervisorSettings] = attrs.field(
        factory=dict, converter=_with_root, metadata={"reason": "Supervisors by name; the one at the top is root."}
    )
    actor: Mapping[str, ActorSettings] = attrs.field(
        factory=dict, converter=read_only, metadata={"reason": "Actors of the program by name."}
    )


_KINDS = MappingProxyType({"supervisor": SupervisorSettings, "actor": ActorSettings, "actors.mailbox": MailboxSettings})
_TABLE = re.compile(r'(?:supervisor|actor|actors\.mailbox)\.(?:"[^"]*"|[^".]+)')


def lay_over(values: Mapping[str, Any], built_in: Mapping[str, SupervisorSettings]) -> dict[str, Any]:
    """Returns parsed tables with every key that they do not say of a supervisor that is there anyway."""
    said = values.get("supervisor", {})
    if not isinstance(said, Mapping):
        return dict(values)
    full = {name: _lay_over_one(said.get(name, {}), attrs.asdict(one)) for name, one in built_in.items()}
    return {**values, "supervisor": {**full, **{name: one for name, one in said.items() if name not in full}}}


def _lay_over_one(said: Any, below: Mapping[str, Any]) -> Any:
    if not isinstance(said, Mapping):
        return said
    both = {key: _lay_over_one(one, below[key]) for key, one in said.items() if isinstance(below.get(key), Mapping)}
    return {**below, **said, **both}


def load_runtime(path: Path) -> RuntimeSettings:
    """
    Reads the settings of a program that is made of actors only.

    Raises:
        ConfigError: The file cannot be read, or anything in it is wrong; `letters()` has all that was found.
    """
    values = lay_over(load_toml(path), {ROOT: ROOT_SETTINGS})
    try:
        settings: RuntimeSettings = strict_converter(SHAPES).structure(values, RuntimeSettings)
    except ConfigError as error:
        raise from_file(gather(map(sent_home, error.letters())), path) from None
    return settings


def sent_home(letter: ConfigError) -> ConfigError:
    """Of a key of one of these tables that stands in another of them: with the place where it means something."""
    table, _, key = letter.path.rpartition(".")
    if letter.problem != NO_SUCH_SETTING or not _TABLE.fullmatch(table):
        return letter
    homes = [home for home, kind in _KINDS.items() if key in shapes_of(kind)]
    if len(homes) != 1:
        return letter
    return ConfigError(letter.path, letter.problem, f'did you mean "{homes[0]}.NAME.{key}"?', origin=letter.origin)


def from_file(error: ConfigError, path: Path) -> ConfigError:
    """Returns the letters with the file as their origin."""
    return gather(ConfigError(one.path, one.problem, one.hint, origin=f"file {path}") for one in error.letters())
