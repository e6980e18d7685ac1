"""
What app code says of its types, read as it is written: a name that only a type checker knows stays a text.

Up to Python 3.13 an annotation is a value, or a text where the module says `from __future__ import annotations`. From
3.14 on it is neither until somebody asks (PEP 649), and to ask for a name that is imported `if TYPE_CHECKING:` raises
NameError. Nobody who is called cares about the name of a type: here it is a text, as it was.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

if sys.version_info >= (3, 14):
    import annotationlib

    NAMES = annotationlib.Format.FORWARDREF

    def read_signature(function: Any, *, follow_wrapped: bool = True) -> inspect.Signature:
        """As `inspect.signature`. Raises ValueError or TypeError where Python cannot tell."""
        found = inspect.signature(function, follow_wrapped=follow_wrapped, annotation_format=NAMES)
        said = [one.replace(annotation=_as_text(one.annotation)) for one in found.parameters.values()]
        return found.replace(parameters=said, return_annotation=_as_text(found.return_annotation))

    def _as_text(annotation: Any) -> Any:
        return annotation.__forward_arg__ if isinstance(annotation, annotationlib.ForwardRef) else annotation

    def own_annotations(kind: type) -> dict[str, Any]:
        """Those of a class itself, without its bases', in the order of the class; a name may become a value later."""
        return annotationlib.get_annotations(kind, format=NAMES)
else:

    def read_signature(function: Any, *, follow_wrapped: bool = True) -> inspect.Signature:
        """As `inspect.signature`. Raises ValueError or TypeError where Python cannot tell."""
        return inspect.signature(function, follow_wrapped=follow_wrapped)

    def own_annotations(kind: type) -> dict[str, Any]:
        """Those of a class itself, without its bases', in the order of the class; a name may become a value later."""
        return inspect.get_annotations(kind)
