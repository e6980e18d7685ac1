"""Fills in what an app's actor asks for: an `__init__` parameter annotated `Gateway` gets the gateway it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.annotations import read_signature

if TYPE_CHECKING:
    import inspect
    from collections.abc import Mapping

    from actors import Actor

    from .app import Gateway


def with_gateway(
    actor_class: type[Actor], args: tuple[Any, ...], kwargs: Mapping[str, Any], gateway: Gateway
) -> dict[str, Any]:
    """The keyword arguments, and the gateway for each parameter that asks for one and was not given."""
    parameters = list(read_signature(actor_class.__init__).parameters.values())[1:]
    filled = dict(kwargs)
    for place, parameter in enumerate(parameters):
        positional = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if parameter.name not in filled and not (positional and place < len(args)) and _asks(parameter):
            filled[parameter.name] = gateway
    return filled


def _asks(parameter: inspect.Parameter) -> bool:
    """By the name of the annotation, so that it may be a string and its import may be for type checkers only."""
    annotation = parameter.annotation
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return name.strip("'\"").rpartition(".")[2] == "Gateway"
