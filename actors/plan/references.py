"""
Whether a configured tree can be: names that refer to something, one place for each, no cycle, nothing that is ignored.

Pure: settings in, places or letters out. A *part* is a piece of the tree that a program brings itself, such as the
topics of a gateway; a file may say how it is supervised, not what it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

import attrs

from ..config.config import ConfigError, gather, join_path, quote_key, shown, suggestion
from .settings import ROOT, RuntimeSettings, SupervisorSettings

STATIC = ("one_for_one", "one_for_all", "rest_for_one")
PASSIVATES = "passivate_after"


@attrs.frozen
class Part:
    """What a program has below its root without being told."""

    about: str
    """In a few words, for whoever reads the tree."""
    children: str = ""
    """What its children are, if it is a dynamic supervisor of the program's own actors."""
    default: SupervisorSettings | None = None
    """How it supervises, unless a file says otherwise; None for one that has no children."""
    obeys: Collection[str] = ()
    """The keys of its table that mean something; others cannot be set."""
    choices: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Where not every value makes sense: the ones that do, by key. `overflow` is that of its mailbox."""
    after: tuple[str, ...] = ()
    """The parts that have to be up before it, and go after it."""
    is_actor: bool = True
    """Whether it is one; else its program starts it and stops it, at the place where it stands."""
    is_last: bool = False
    """Whether everything has to be up before it, also what a file adds."""


NO_PARTS: Mapping[str, Part] = MappingProxyType({})
Places = dict[str, tuple[str, ...]]
"""Who stands under each supervisor, in start order."""


def places(settings: RuntimeSettings, parts: Mapping[str, Part] = NO_PARTS, home: str = ROOT) -> Places:
    """
    Returns who stands where.

    Args:
        parts: In start order.
        home: The supervisor of those that no other names.

    Raises:
        ConfigError: Something in it cannot be; `letters()` has all that was found.
    """
    known = _Names(settings, parts, home)
    wrong = [*known.refused(), *_refused_supervisors(settings, parts), *_refused_actors(settings, known.parents())]
    if wrong:
        raise gather(wrong)
    return known.places()


class _Names:
    """Every name of a tree, and who claims it as a child."""

    def __init__(self, settings: RuntimeSettings, parts: Mapping[str, Part], home: str) -> None:
        self._settings, self._parts, self._home = settings, parts, home
        self._supervisors = settings.supervisor
        self._known = dict.fromkeys([*parts, *settings.supervisor, *settings.actor])
        self._known.pop(ROOT, None)
        self._claims = [(name, child) for name in self._supervisors for child in self._children(name)]

    def _children(self, name: str) -> tuple[str, ...]:
        said = self._supervisors[name].children
        return tuple(self._parts) if name == ROOT and self._parts and not said else said

    def places(self) -> Places:
        claimed = {child for _, child in self._claims}
        strays = tuple(name for name in self._known if name not in claimed)
        found = {name: self._children(name) for name in self._supervisors}
        found[self._home] += strays
        return found

    def parents(self) -> dict[str, str]:
        """The supervisor of each name; of the first that claims it."""
        found = dict.fromkeys(self._known, self._home)
        found.update((child, parent) for parent, child in reversed(self._claims))
        return found

    def refused(self) -> Iterator[ConfigError]:
        yield from self._clashes()
        yield from self._claims_of_nobody()
        yield from self._claims_of_many()
        yield from self._cycles()
        yield from self._misplaced_parts()

    def _clashes(self) -> Iterator[ConfigError]:
        supervising = {name for name, part in self._parts.items() if part.default is not None}
        for name in self._settings.actor:
            taken = name == ROOT or name in self._parts or name in self._supervisors
            yield from _check_name("actor", name, taken=taken)
        for name in self._supervisors:
            yield from _check_name("supervisor", name, taken=name in self._parts and name not in supervising)

    def _claims_of_nobody(self) -> Iterator[ConfigError]:
        for parent, child in self._claims:
            if child == ROOT:
                yield _at(parent, "children", '"root" is above everything', "remove it")
            elif child not in self._known:
                hint = suggestion(child, [name for name in self._known if name != parent])
                yield _at(parent, "children", f"there is no supervisor or actor {shown(child)}", hint)

    def _claims_of_many(self) -> Iterator[ConfigError]:
        seen: dict[str, str] = {}
        for parent, child in self._claims:
            if child in seen:
                yield _at(
                    parent, "children", f"{shown(child)} is a child of {shown(seen[child])} already", "name it once"
                )
            seen.setdefault(child, parent)

    def _cycles(self) -> Iterator[ConfigError]:
        """Each name has one parent at most, or was refused; so a cycle is a walk upwards that comes back."""
        above = {child: parent for parent, child in reversed(self._claims)}
        done: set[str] = set()
        for start in above:
            path = [start]
            while path[-1] in above and path[-1] not in done and path[-1] not in path[:-1]:
                path.append(above[path[-1]])
            if path[-1] in path[:-1]:
                circle = path[path.index(path[-1]) :][::-1]
                fact = "it is below itself: " + " -> ".join(circle)
                yield _at(circle[0], "children", fact, f"remove {shown(circle[1])}")
            done.update(path)

    def _misplaced_parts(self) -> Iterator[ConfigError]:
        for parent, child in self._claims:
            if child in self._parts and parent != ROOT:
                yield _at(parent, "children", f"{shown(child)} stands under root, and nowhere else", "remove it")
        said = self._supervisors[ROOT].children if ROOT in self._supervisors else ()
        missing = [name for name in self._parts if said and name not in said]
        if missing:
            yield _at(ROOT, "children", f"{', '.join(map(shown, missing))} is missing", "add it")
        for name, part in self._parts.items():
            late = [one for one in part.after if name in said and one in said[said.index(name) :]]
            if part.is_last and name in said[:-1]:
                yield _at(ROOT, "children", f"{shown(name)} needs all others to be up", "write it last")
            elif late:
                yield _at(ROOT, "children", f"{shown(name)} needs {shown(late[0])} to be up", "write it after that")


def _check_name(table: str, name: str, *, taken: bool) -> Iterator[ConfigError]:
    if taken:
        yield ConfigError(join_path(table, quote_key(name)), f"there is {shown(name)} already", "choose another name")
    if not name or "/" in name:
        yield ConfigError(join_path(table, quote_key(name)), "it would be part of a path", "use a name without /")


def _at(supervisor: str, key: str, fact: str, hint: str) -> ConfigError:
    return ConfigError(f"supervisor.{quote_key(supervisor)}.{key}", fact, hint)


def _refused_supervisors(settings: RuntimeSettings, parts: Mapping[str, Part]) -> Iterator[ConfigError]:
    for name, one in settings.supervisor.items():
        letters = [*_ignored(name, one, PASSIVATES in parts[name].obeys if name in parts else False)]
        letters += _unknown_mailbox(f"supervisor.{quote_key(name)}", one.mailbox, settings)
        if name in parts and parts[name].default is not None:
            letters += _refused_part(name, one, parts[name], settings)
        yield from {letter.path: letter for letter in reversed(letters)}.values()


def _ignored(name: str, one: SupervisorSettings, passivates: bool) -> Iterator[ConfigError]:
    """What would be accepted and then mean nothing."""
    if name == ROOT and one.on_exceeded == "escalate":
        yield _at(name, "on_exceeded", '"escalate" has nobody above it', 'write "exit" or "stop_child"')
    if name == ROOT and one.strategy == "dynamic":
        yield _at(name, "strategy", '"dynamic" has no start order', _one_of(STATIC))
    if name != ROOT and one.on_exceeded == "exit":
        yield _at(name, "on_exceeded", '"exit" is for root alone', 'write "escalate" or "stop_child"')
    if one.strategy == "dynamic" and one.children:
        yield _at(name, "children", "children of a dynamic supervisor come and go", "remove it, or change the strategy")
    if one.strategy == "dynamic" and one.auto_shutdown != "never":
        yield _at(name, "auto_shutdown", "a dynamic supervisor has no significant children", 'write "never"')
    if one.passivate_after is not None and not passivates:
        yield _at(name, PASSIVATES, "nothing below it can be passivated", "remove it")


def _refused_part(name: str, one: SupervisorSettings, part: Part, settings: RuntimeSettings) -> Iterator[ConfigError]:
    for field in attrs.fields(SupervisorSettings):
        value = getattr(one, field.name)
        choices = part.choices.get(field.name)
        if choices is not None and value not in choices:
            yield _at(name, field.name, f"{shown(value)} makes no sense for {part.about}", _one_of(choices))
        elif choices is None and field.name not in part.obeys and value != getattr(part.default, field.name):
            yield _at(name, field.name, f"nothing in {part.about} could obey it", "remove it")
    allowed, mailbox = part.choices.get("overflow"), settings.actors.mailbox.get(one.mailbox)
    if allowed is not None and mailbox is not None and mailbox.mailbox().overflow not in allowed:
        fact = f"its overflow, {shown(mailbox.mailbox().overflow)}, would break what {part.about} promise"
        yield _at(name, "mailbox", fact, f"name one with overflow {' or '.join(map(shown, allowed))}")


def _one_of(choices: Iterable[str]) -> str:
    return "write one of " + ", ".join(map(shown, choices))


def _unknown_mailbox(path: str, mailbox: str, settings: RuntimeSettings) -> Iterator[ConfigError]:
    if mailbox and mailbox not in settings.actors.mailbox:
        hint = suggestion(mailbox, settings.actors.mailbox)
        yield ConfigError(f"{path}.mailbox", f"there is no mailbox {shown(mailbox)}", hint)


def _refused_actors(settings: RuntimeSettings, parents: Mapping[str, str]) -> Iterator[ConfigError]:
    for name, one in settings.actor.items():
        path = f"actor.{quote_key(name)}"
        yield from _unknown_mailbox(path, one.mailbox, settings)
        above = settings.supervisor.get(parents.get(name, ROOT))
        if not one.significant or above is None:
            continue
        if above.auto_shutdown == "never":
            fact = f"{shown(parents[name])} never shuts down by itself"
            yield ConfigError(f"{path}.significant", fact, "give it an auto_shutdown, or remove this")
        if (one.restart or above.restart) == "permanent":
            yield ConfigError(f"{path}.significant", "a permanent actor never ends by itself", "change its restart")
