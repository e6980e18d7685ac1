"""The private names of pykka 4.5 that the runtime leans on, all in this module.

pykka documents three hooks for new kinds of actors; a restartable actor on an event loop needs these few more.
`setup.cfg` pins `pykka >=4.5,<4.6`; a release that renames one of them fails here, at import, with its name.
"""

from __future__ import annotations

from pykka._envelope import Envelope
from pykka._future import _Unset as Unset
from pykka._introspection import AttrInfo, get_attr_directly, introspect_attrs
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr
from pykka.messages import _ActorStop as ActorStop

__all__ = [
    "ActorStop",
    "AttrInfo",
    "Envelope",
    "ProxyCall",
    "ProxyGetAttr",
    "ProxySetAttr",
    "Unset",
    "get_attr_directly",
    "introspect_attrs",
]
