"""
Settings as a file that can be loaded again: the effective ones with their origins, or all defaults with their reasons.

Secrets are masked, and so is what the arguments of an app's own actors call a password, a secret or a token.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from actors.config.config import Leaf, join_path, key_of, leaves, mask_passwords, quote_key, shapes_of, to_toml
from actors.plan.drawing import tree_lines, worst_lines
from actors.plan.settings import ROOT, ActorSettings, MailboxSettings, SupervisorSettings

from .auth import MASK
from .config import SHAPES, GatewaySettings
from .parts import BUILT_IN, PARTS
from .sources import TABLES, Loaded, setting_leaves
from .topic import TopicSettings

if TYPE_CHECKING:
    from actors.plan.blueprint import Blueprint

COMMENT_WIDTH = 100
ORIGIN_COLUMN = 56
"""Characters after which a long value no longer pushes the origins of all other lines to the right."""
_SECRET = re.compile(r"(password|passwd|secret|token|api_?key|credential)s?$", re.IGNORECASE)

_FILLED_BY_APP = ("default", "development mode")
"""Origins of what nobody wrote into the section of a topic: there the app may, which is not asked here."""

_Row = tuple[str, str]
"""A line, and the origin of what it says; empty for a line that says nothing."""


WITHOUT_APP = "# what code declares is not among these: hubbub check --app MODULE:APP"


def effective_lines(loaded: Loaded, *, has_app: bool = False) -> list[str]:
    """
    Returns the settings as TOML, each line with `# from` and its origin; secrets are masked.

    Args:
        has_app: Whether what an application says is among them; if not, a comment says so.
    """
    rows = list(_effective_rows(loaded, has_app))
    width = min(max(len(text) for text, origin in rows if origin), ORIGIN_COLUMN)
    return [f"{text:<{width}}  # from {origin}" if origin else text for text, origin in rows][1:]


def tree_comment(blueprint: Blueprint, origins: Mapping[str, str]) -> list[str]:
    """Returns the tree and the worst case of restarts, as comments of that file."""
    lines = ["--- the tree, in start order", "", *tree_lines(blueprint, origins)]
    lines += ["", "--- the worst case of restarts", "", *worst_lines(blueprint)]
    return [f"# {line}".rstrip() for line in lines]


def _effective_rows(loaded: Loaded, has_app: bool) -> Iterator[_Row]:
    settings = loaded.settings
    table = None
    for leaf in setting_leaves().values():
        value = _value_at(settings, leaf.path)
        if leaf.path in TABLES:
            left_to_app = leaf.path == "topics" and not has_app
            yield from _named_rows(leaf.path, value, loaded.origins, left_to_app=left_to_app)
            if leaf.path == "topics":
                others = "open to anyone, this is development mode" if settings.development else "closed"
                yield from [("", ""), (f"# other topics: {others}", "")]
                if left_to_app:
                    yield WITHOUT_APP, ""
            continue
        above, _, key = leaf.path.rpartition(".")
        if above != table:
            yield from _heading(above)
            table = above
        yield assignment(key, value, leaf), loaded.origins[leaf.path]


def _named_rows(table: str, named: Mapping[str, Any], origins: Mapping[str, str], left_to_app: bool) -> Iterator[_Row]:
    for name, one in named.items():
        path = join_path(table, quote_key(name))
        yield from _heading(path)
        for leaf, value in _keys(table, name, one):
            row = assignment(leaf.path, value, leaf), _origin(origins, f"{path}.{leaf.path}")
            yield _left_to_app(*row) if left_to_app else row


def _left_to_app(text: str, origin: str) -> _Row:
    """
    The row of a topic's key, which the app may fill in where nobody wrote it; the app is not asked here.

    A default is a comment: read again as a line it would be written, and hold.
    """
    if origin == "default":
        text = f"# {text.removeprefix('# ')}"
    return text, f"{origin}, unless the app says otherwise" if origin in _FILLED_BY_APP else origin


def _keys(table: str, name: str, one: Any) -> Iterator[tuple[Leaf, Any]]:
    """The keys of one named table with their values; of a part of the gateway those that it obeys."""
    part = PARTS.get(name) if table == "supervisor" else None
    for field, leaf in zip(attrs.fields(type(one)), table_leaves(type(one)), strict=True):
        if part is None or leaf.path in part.obeys or leaf.path in part.choices:
            yield leaf, getattr(one, field.name)


def table_leaves(kind: type) -> list[Leaf]:
    """Returns the keys of a named table; a class below it is one of them, as the inline table that people write."""
    nested = {leaf.path: leaf for leaf in leaves(kind, shapes=SHAPES)}
    shapes = shapes_of(kind, SHAPES)
    keys = ((key_of(field), field) for field in attrs.fields(kind))
    return [nested.get(key) or Leaf(key, kind, shapes[key], field.default) for key, field in keys]


def _origin(origins: Mapping[str, str], path: str) -> str:
    below = (origin for said, origin in origins.items() if said == path or said.startswith(path + "."))
    return next(below, "default")


def _heading(table: str) -> Iterator[_Row]:
    yield "", ""
    if table:
        yield f"[{table}]", ""


def _value_at(settings: object, path: str) -> Any:
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def assignment(key: str, value: object, leaf: Leaf) -> str:
    """Returns `key = value` as TOML; a secret, and a password in a URL, as `***`; a comment if there is no value."""
    if value is None:
        return f"# {key} is not set"
    shown = _masked(value) if leaf.owner is ActorSettings else value
    is_hidden = leaf.secret and value != ""  # one that is not set is none, and a printed file must not set it
    return f"{key} = " + (to_toml(MASK) if is_hidden else mask_passwords(to_toml(shown, leaf.shape, SHAPES)))


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: MASK if _SECRET.search(key) else _masked(one) for key, one in value.items()}
    return tuple(map(_masked, value)) if isinstance(value, tuple) else value


def default_lines() -> list[str]:
    """Returns a TOML file of every setting with its default, unit and reason; reading it changes nothing."""
    table = None
    lines = ["# Every setting of hubbub with its default. Durations: 500ms 30s 2m 24h 1d. Sizes: 512B 64KiB 1MiB."]
    for leaf in setting_leaves().values():
        if leaf.path in TABLES:
            lines += _default_table_lines(leaf.path)
            continue
        above, _, key = leaf.path.rpartition(".")
        lines += [text for text, _ in _heading(above)] if above != table else []
        table = above
        lines += [*_comment(leaf), assignment(key, leaf.default, leaf)]
    return lines


EXAMPLES: Mapping[str, tuple[str, str, Any]] = {
    "topics": (
        'topics."news:*"',
        (
            "One table for each pattern of topic names: a whole name, a prefix and *, or a template such as "
            '"game:{game_id}". The most specific one counts. A name that no pattern matches is closed. What an app '
            "declares of a name holds for the keys that are not in its table."
        ),
        TopicSettings(),
    ),
    "actors.mailbox": (
        "actors.mailbox.small",
        "One table for each mailbox that a supervisor or an actor names.",
        MailboxSettings(capacity=1_000, high_water=500, overflow="fail"),
    ),
    "supervisor": (
        "supervisor.feeds",
        (
            "One table for each supervisor of the app's own actors, under app unless another one names it as a child. "
            "Those of the gateway are below, with the keys that mean something there."
        ),
        SupervisorSettings(),
    ),
    "actor": (
        "actor.prices",
        (
            "One table for each actor of the app, under app unless a supervisor names it as a child. Its class is one "
            "of yours; an argument annotated Gateway is filled in."
        ),
        ActorSettings(class_="shop.prices:PriceFeed", args={"symbols": ("EUR", "USD")}),
    ),
}
"""What the name of a table could be, what is said about such tables, and one of them."""


def _default_table_lines(table: str) -> list[str]:
    heading, about, example = EXAMPLES[table]
    lines = [f"[{heading}]"]
    for field, leaf in zip(attrs.fields(type(example)), table_leaves(type(example)), strict=True):
        lines += [*_comment(leaf), assignment(leaf.path, getattr(example, field.name), leaf)]
    printed = ["", *(f"# {line}" for line in textwrap.wrap(about, COMMENT_WIDTH)), *(f"# {line}" for line in lines)]
    return printed + (_built_in_lines() if table == "supervisor" else [])


def _built_in_lines() -> list[str]:
    """In the order of the tree, each key in the words of the table above."""
    lines = [text for name in (ROOT, *PARTS) if name in BUILT_IN for text in _built_in(name)]
    return [line for line in lines if not line.startswith("# ")]


def _built_in(name: str) -> list[str]:
    return [
        text for text, _ in _named_rows("supervisor", {name: GatewaySettings().supervisor[name]}, {}, left_to_app=False)
    ]


def _comment(leaf: Leaf) -> list[str]:
    text = f"{leaf.unit.capitalize()}. {leaf.reason}" if leaf.unit else leaf.reason
    return [f"# {line}" for line in textwrap.wrap(text, COMMENT_WIDTH)]
