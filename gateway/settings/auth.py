"""What can be configured of secrets: who is believed, by tokens and by keys."""

# ruff: noqa: RUF009 - setting() declares a field, as attrs.field() does; nothing in a default is shared and mutable

from __future__ import annotations

import attrs

from actors.config.config import ConfigError, between, check, setting
from actors.config.units import Duration

from ..access.tokens import Tokens

MASK = "***"
"""What is printed for a secret. A printed file that is read again must not make it the secret."""


def _is_secret(text: str) -> bool:
    """Whether tokens can be checked with it: others would be believed that everybody can sign."""
    if text == MASK:
        return False
    try:
        return not text or Tokens(text) is not None
    except ValueError:
        return False


@attrs.frozen(kw_only=True)
class AuthSettings:
    """[gateway.auth]: what proves who somebody is, and how long we wait for it."""

    jwt_secret: str = attrs.field(
        default="",
        repr=False,
        validator=check(_is_secret, f'write a secret text of your own; no public key, and not "{MASK}"'),
        metadata={
            "secret": True,
            "reason": "What tokens are signed with (JWT, HS256): of connections and of subscriptions. Empty believes "
            "none. Any length works; RFC 7518 3.2 wants 32 bytes, as `openssl rand -base64 48` prints.",
        },
    )
    jwt_secret_before: str = attrs.field(
        default="",
        repr=False,
        validator=check(_is_secret, f'write the secret of before; no public key, and not "{MASK}"'),
        metadata={
            "secret": True,
            "reason": "What tokens were signed with before: they are believed as well, so that a secret can be "
            "replaced and nobody is cut off. Empty once the last of them has expired.",
        },
    )
    anonymous: bool = setting(
        True,
        reason="Whether clients that nobody knows may connect. True: what they may do is up to each topic, and a "
        "public page has no tokens. False: they are refused at the upgrade, but where one may log in by a message.",
    )
    authenticate_within: Duration = setting(
        10.0,
        unit="seconds",
        reason="From the upgrade until a client has said who it is, where that is needed. Clients do it at once; 10 s "
        "is a slow phone, and short enough that silent sockets do not pile up.",
        validator=between(1, 3600),
    )
    query_token: bool = setting(
        False,
        reason="Whether ?token= is believed. Off: URLs end up in the logs of every proxy, and in histories.",
    )
    refresh_grace: Duration = setting(
        25.0,
        unit="seconds",
        reason="From the end of a token until what it allowed ends. 25 s, as in Centrifugo: a client that gets a new "
        "one when the old one ends has time for a few attempts.",
        validator=between(0, 3600),
    )

    def __attrs_post_init__(self) -> None:
        if self.jwt_secret_before and not self.jwt_secret:
            hint = "jwt_secret_before is set, so set the secret that takes its place"  # the rest of it is not shown
            raise ConfigError("jwt_secret", "it is empty", hint)

    @property
    def secrets(self) -> dict[str, str]:
        """Those that are set, by their paths."""
        both = {"jwt_secret": self.jwt_secret, "jwt_secret_before": self.jwt_secret_before}
        return {f"gateway.auth.{name}": secret for name, secret in both.items() if secret}

    def tokens(self) -> Tokens | None:
        """What verifies tokens; None: none is believed."""
        return Tokens(self.jwt_secret, before=self.jwt_secret_before or None) if self.jwt_secret else None


def _are_keys(text: str) -> bool:
    """Whether a header can carry each of them."""
    return not text or (bool(text.split()) and text.isascii() and text.isprintable() and text != MASK)


@attrs.frozen(kw_only=True)
class ApiSettings:
    """[gateway.api]: how other back ends publish, on the public port: POST /api/publish and others."""

    key: str = attrs.field(
        default="",
        repr=False,
        validator=check(_are_keys, f'write printable ASCII, as `openssl rand -hex 32` prints, and not "{MASK}"'),
        metadata={
            "secret": True,
            "reason": "What a back end sends as X-API-Key; who has it may do everything. Empty closes the API. Several "
            "keys, separated by spaces, all count: one is replaced while the other is still in use.",
        },
    )

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.key.split())
