"""MODULE:APP of the command line: where it is looked for, and what it may be."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from actors.config.config import suggestion

if TYPE_CHECKING:
    from types import TracebackType

NOT_THE_AUTHORS = frozenset({__name__.partition(".")[0], "importlib"})
"""Modules whose frames say nothing about an application that cannot be imported, until its first own one."""


class CannotServe(Exception):
    """What was named on the command line is no gateway."""

    def __init__(self, target: str, problem: str, hint: str) -> None:
        super().__init__(target, problem, hint)
        self.target, self.problem, self.hint = target, problem, hint

    def __str__(self) -> str:
        return f"cannot serve {self.target}: {self.problem}; {self.hint}"


def put_on_path(directory: Path) -> None:
    """Makes the modules in `directory` importable, ahead of all others, as `python -m` does."""
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def import_app(target: str, kind: type = object) -> object:
    """
    Returns what `module:name` names.

    Args:
        kind: What it is meant to be; whoever misses the name is shown those of this kind.

    Raises:
        CannotServe: There is no colon, no such module, or no such name in it.
        Exception: Whatever the module raises while it is imported; that traceback belongs to its author.
    """
    module_name, colon, name = target.partition(":")
    if "/" in module_name or module_name.endswith(".py"):
        raise _names_a_file(target, Path(module_name), name or "app")
    if not (module_name and colon and name):
        raise CannotServe(target, "it is not module:name", f'write "{module_name or "chat"}:{name or "app"}"')
    if module_name.startswith("."):
        raise CannotServe(target, f"{module_name} is a relative name", f'write "{module_name.lstrip(".")}:{name}"')
    module = _import(target, module_name)
    if not hasattr(module, name):
        public = {one: value for one, value in vars(module).items() if not one.startswith("_")}
        known = [one for one, value in public.items() if isinstance(value, kind)]
        hint = suggestion(name, known) if known else f"make one there: {name} = {kind.__name__}()"
        raise CannotServe(target, f"module {module_name} has no {name}", hint)
    return getattr(module, name)


def _names_a_file(target: str, path: Path, name: str) -> CannotServe:
    """It may be one that is there; then the letter says how it is called as a module."""
    file = path.with_suffix(".py")
    if not file.is_file():
        return CannotServe(target, f"it is not module:name, and there is no file {file}", 'write "chat:app"')
    if file.is_absolute() or ".." in file.parts:
        hint = f'start in {file.parent} and write "{file.stem}:{name}"'
    else:
        hint = f'write "{".".join(file.with_suffix("").parts)}:{name}"'
    return CannotServe(target, "it names a file, not a module", hint)


def _import(target: str, name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise  # it exists, and imports something that does not
        raise CannotServe(
            target, f"there is no module {error.name}", f"start in the directory that has it; this is {Path.cwd()}"
        ) from None


def expect(found: object, kind: type, target: str) -> object:
    """
    Returns `found` if it is a `kind`.

    Raises:
        CannotServe: It is something else.
    """
    if not isinstance(found, kind):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
        made = f", as `app = {found.__name__}()` in the module makes one" if inspect.isfunction(found) else ""
        raise CannotServe(target, f"it is {what}", f"name an instance of {kind.__name__}{made}")
    return found


def author_frames(trace: TracebackType | None) -> TracebackType | None:
    """Returns the rest of `trace` that begins in what was imported, without the way there: ours, click's, Python's."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in NOT_THE_AUTHORS:
        trace = trace.tb_next
    return trace
