"""From `module:Class` and its arguments in a file to something that can be made; whatever is wrong is a letter."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import attrs

from ..actor import Actor
from ..annotations import read_signature
from ..config.config import ConfigError, quote_key, shown, suggestion

if TYPE_CHECKING:
    import inspect
    from collections.abc import Collection, Iterator, Mapping

    from .settings import ActorSettings


@attrs.frozen
class Wanted:
    """An actor class, and what its `__init__` gets."""

    actor_class: type[Actor]
    args: Mapping[str, object]
    filled: Mapping[str, str] = attrs.Factory(dict)
    """Parameters that the program fills in, and the class their annotation names."""


def wanted(settings: ActorSettings, fills: Collection[str] = ()) -> Wanted:
    """
    Imports the class of an `[actor.NAME]` table and looks whether its arguments fit.

    Args:
        fills: Names of classes; a parameter annotated with one is filled in by the program.

    Raises:
        ConfigError: There is no such class, it is no actor, or the arguments do not fit.
        Exception: Whatever the module raises while it is imported; that traceback belongs to its author.
    """
    actor_class = import_actor(settings.class_)
    parameters = list(read_signature(actor_class).parameters.values())
    filled = {one.name: name for one in parameters if (name := _class_name(one)) in fills}
    filled = {name: kind for name, kind in filled.items() if name not in settings.args}
    wrong = list(_misfits(settings.args, parameters, filled))
    if wrong:
        raise ConfigError(wrong[0].path, wrong[0].problem, wrong[0].hint, others=wrong[1:])
    return Wanted(actor_class, settings.args, filled)


def import_actor(path: str) -> type[Actor]:
    """Returns the class that `module:Class` names. Raises as `wanted` does."""
    module_name, _, name = path.partition(":")
    found: object = _import(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            known = [one for one, value in vars(found).items() if isinstance(value, type) and issubclass(value, Actor)]
            raise ConfigError("class", f"{module_name} has no {part}", suggestion(part, known))
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Actor)):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
        raise ConfigError("class", f"{path} is {what}, no actor", "name a subclass of Actor")
    return found


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise  # it exists, and imports something that does not
        hint = "check its name, and that it can be imported from here"
        raise ConfigError("class", f"there is no module {error.name}", hint) from None


def _class_name(parameter: inspect.Parameter) -> str:
    """The last word of its annotation, which may be a string that only a type checker can resolve."""
    annotation = parameter.annotation
    said: str = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return said.strip("\"'").rpartition(".")[2]


def _misfits(
    args: Mapping[str, object], parameters: list[inspect.Parameter], filled: Mapping[str, str]
) -> Iterator[ConfigError]:
    by_name = {one.name: one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    for name in args:
        if name not in by_name and not takes_any:
            yield ConfigError(f"args.{quote_key(name)}", "__init__ takes no such argument", suggestion(name, by_name))
    for name, one in by_name.items():
        if one.default is one.empty and name not in args and name not in filled:
            yield ConfigError("args", f"__init__ also needs {shown(name)}", "add it")
    for one in parameters:
        if one.kind is one.POSITIONAL_ONLY and one.default is one.empty:
            fact = f"__init__ takes {shown(one.name)} by position only, and a file gives arguments by name"
            yield ConfigError("args", fact, "remove the / from its signature")
