"""
What a signed token says: who somebody is, or what they may join. JSON Web Tokens with the claims of Centrifugo.

| claim | of a connection | of a subscription |
|---|---|---|
| `sub` | the user's id, a text; absent or empty is anonymous | must be the connection's user |
| `channel` | must not be there | must be the topic |
| `exp`, `nbf` | seconds since 1970: valid before `exp` and from `nbf` on | the same |
| `info` | any JSON that others see of the connection | any JSON that others see in this topic |
| `channels` | topics that the server joins | |
| `roles` | a list of texts | |

Rules of this file: the secret decides the algorithm, never the token (RFC 8725 3.1). The time is an argument. A claim
of the wrong type makes the whole token invalid; null is as absent, but not for times. `aud` and `iss` are not looked
at, as in Centrifugo unless it is configured.

What it refuses to know: where a token was found, and what becomes of the connection.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jwt
from jwt.algorithms import HMACAlgorithm

from .. import wire_json
from ..limits.names import check_topic_name
from ..reasons import InvalidToken, Refused
from .identity import Principal, TopicGrant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_TOKEN = 8 * 1024
"""Characters of a token: a line of an HTTP header is not longer either (aiohttp's limit is 8,190 bytes)."""

MAX_TOPICS = 128
"""Topics in one token: as many as a connection may join (`Limits.max_topics_per_connection`)."""

LAST_SECOND = 253_402_300_799
"""The end of the year 9999 in seconds since 1970. Milliseconds by mistake are beyond it, and would never expire."""

SHOWN_CHARACTERS = 60
"""Characters of a signed claim that a letter repeats."""

_HASHES = MappingProxyType(
    {"HS256": HMACAlgorithm.SHA256, "HS384": HMACAlgorithm.SHA384, "HS512": HMACAlgorithm.SHA512}
)


class Tokens:
    """
    Verifies tokens that were signed with one secret, or with the one before it. Immutable; from any thread.

    Args:
        secret: Of any length: "secret" is fine to try things out. RFC 7518 3.2 wants 32 bytes or more for HS256; a
            shorter one can be guessed from any one token, so production takes `openssl rand -base64 48`; the log and
            `hubbub check` say so.
        before: The secret that it takes the place of, believed as well until nobody has a token of it any more. None:
            there is none.
        algorithms: Which of HS256, HS384 and HS512 are believed; another family is never.

    Raises:
        ValueError: A secret is blank, not UTF-8, or a public key, which everybody knows. TypeError: It is no text.
            Neither repeats it.
    """

    def __init__(self, secret: str, *, before: str | None = None, algorithms: Iterable[str] = ("HS256",)) -> None:
        self._algorithms = _checked(algorithms)
        secrets = (secret,) if before is None else (secret, before)
        self._readers = tuple(self._reader(one) for one in secrets)
        self.bytes = min(len(one.encode()) for one in secrets)
        """Of the shortest secret."""
        self.wanted: int = max(_HASHES[name]().digest_size for name in self._algorithms)
        """Bytes that RFC 7518 3.2 wants of it: 32 for HS256."""

    def _reader(self, secret: str) -> jwt.PyJWS:
        reader = jwt.PyJWS(algorithms=[])
        for name in self._algorithms:
            reader.register_algorithm(name, _Hmac(_HASHES[name], secret))
        return reader

    @property
    def is_weak(self) -> bool:
        """Whether a secret can be guessed from any one token."""
        return self.bytes < self.wanted

    def principal(self, token: str, now: float) -> Principal:
        """
        Who a connection token says somebody is; `now` in wall-clock seconds since 1970.

        Raises:
            InvalidToken: Not ours, not whole, or a subscription token.
            Refused: `token_expired`: at or after `exp`, or before `nbf`. The client may come back with a new one.
        """
        claims = self._claims(token)
        if _text(claims, "channel"):
            raise InvalidToken("it has a claim channel, which is for subscriptions", "connect with a connection token")
        found = Principal(
            id=_text(claims, "sub"),
            roles=frozenset(_texts(claims, "roles")),
            claims=MappingProxyType(claims),
            expires=_seconds(claims, "exp"),
            info=_info(claims),
            topics=_topics(claims),
        )
        _check_time(claims, now)
        return found

    def topic_grant(self, token: str, topic: str, user: str, now: float) -> TopicGrant:
        """
        What a subscription token allows `user`, the id of a principal, in `topic`.

        Raises:
            InvalidToken: Empty, or meant for another topic or user: somebody passes tokens around.
            Refused: `permission_denied` for one that is not ours or not whole (its `__cause__` says why), and
                `token_expired`.
        """
        if not token:
            raise InvalidToken("it is empty", "subscribe without one, or get one")
        try:
            claims = self._claims(token)
            channel, owner = _text(claims, "channel"), _text(claims, "sub")
            grant = TopicGrant(_info(claims), _seconds(claims, "exp"))
            _check_time(claims, now)
        except InvalidToken as error:
            raise Refused("permission_denied") from error
        if channel != topic:
            raise InvalidToken(f"it is for channel {_shown(channel)}, not {_shown(topic)}", "get one for each topic")
        if owner != user:
            raise InvalidToken(f"it is for user {_shown(owner)}, not {_shown(user)}", "get one for this user")
        return grant

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN:
            raise InvalidToken(f"it has {len(token)} characters", f"issue tokens of at most {MAX_TOKEN}")
        payload = self._payload(token)
        try:
            claims = wire_json.decode(payload.decode())
        except ValueError:  # no UTF-8 or no JSON; both repeat what they could not read
            raise InvalidToken("its claims are no JSON that we read", "issue one with a JSON object") from None
        if not isinstance(claims, dict):
            raise InvalidToken(f"its claims are {type(claims).__name__}", "issue one with a JSON object")
        if type(claims.get("iat", 0)) not in (int, float):  # no limit, but of one type (RFC 7519 4.1.6)
            raise _wrong("iat", claims["iat"], "write seconds since 1970")
        return claims

    def _payload(self, token: str) -> bytes:
        for reader in self._readers:
            payload = self._read(reader, token)
            if payload is not None:
                return payload
        raise InvalidToken("its signature is not ours", "sign it with the secret of this gateway")

    def _read(self, reader: jwt.PyJWS, token: str) -> bytes | None:
        """None: it was signed with another secret."""
        try:
            payload: bytes = reader.decode(token, "", algorithms=self._algorithms)  # the algorithms have the key
        except jwt.InvalidSignatureError:
            return None
        except jwt.InvalidAlgorithmError:
            names = ", ".join(self._algorithms)
            raise InvalidToken(f"its algorithm is none of {names}", "sign it with one of these") from None
        except (jwt.PyJWTError, ValueError, RecursionError):  # a header of brackets; text that is no UTF-8
            raise InvalidToken("it is no signed JSON Web Token", "send what the issuer gave, whole") from None
        return payload


class _Hmac(HMACAlgorithm):
    """
    With a key of its own, which is checked once.

    PyJWT looks for public keys in a secret on each use, and warns on each use (since 2.10) of a short one.
    """

    def __init__(self, hash_algorithm: Any, secret: str) -> None:
        super().__init__(hash_algorithm)
        self._key = self._usable(secret)

    def _usable(self, secret: Any) -> bytes:
        try:
            if not isinstance(secret, str | bytes | None):
                said = f"it is of type {type(secret).__name__}; give a text"
                raise TypeError(f"could not use the secret of tokens: {said}")
            if not secret or not secret.strip():  # PyJWT takes a blank one, and 2.8 an empty one
                raise jwt.InvalidKeyError
            return super().prepare_key(secret)
        except UnicodeEncodeError:
            raise ValueError("could not use the secret of tokens: it is not valid UTF-8; choose another one") from None
        except jwt.InvalidKeyError:
            raise ValueError(
                "could not use the secret of tokens: it is blank, or a public key or JWK that others know; "
                "choose a random text such as `openssl rand -base64 48` prints"
            ) from None

    def prepare_key(self, key: str | bytes) -> bytes:
        return self._key

    def check_key_length(self, key: bytes) -> str | None:
        return None


def _checked(algorithms: Iterable[str]) -> list[str]:
    names = list(algorithms)
    wrong = [name for name in names if name not in _HASHES]
    if wrong or not names:
        raise ValueError(f"could not verify tokens with {names!r}: a secret is for HMAC; use HS256, HS384 or HS512")
    return names


# --- claims: what they are, or InvalidToken


def _text(claims: Mapping[str, Any], name: str) -> str:
    """Empty if it is not there. A number is refused: 1, 1.0 and "1" would be one user to some and three to others."""
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, value, "write a text")
    return value


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    value = claims.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(name, value, "write a list of texts")
    return value


def _topics(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Each once."""
    names = tuple(dict.fromkeys(_texts(claims, "channels")))
    if len(names) > MAX_TOPICS:
        raise InvalidToken(f"it has {len(names)} channels", f"issue tokens with at most {MAX_TOPICS}")
    try:
        return tuple(map(check_topic_name, names))
    except Refused as refused:
        raise InvalidToken("one of its channels has a name that no topic may have", refused.message) from None


def _info(claims: Mapping[str, Any]) -> bytes | None:
    value = claims.get("info")
    return None if value is None else wire_json.encode(value)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, value, "write seconds since 1970")
    if value > LAST_SECOND:
        raise InvalidToken(f"its claim {name} is after the year 9999", "write seconds since 1970, not milliseconds")
    return float(max(value, 0))


def _check_time(claims: Mapping[str, Any], now: float) -> None:
    """One that is not valid yet is answered as an expired one, as Centrifugo does: clocks differ, so it is no crime."""
    expires, begins = _seconds(claims, "exp"), _seconds(claims, "nbf")
    if expires is not None and now >= expires:
        raise Refused("token_expired")
    if begins is not None and now < begins:
        raise Refused("token_expired", "token not valid yet")


def _wrong(name: str, value: object, advice: str) -> InvalidToken:
    return InvalidToken(f"its claim {name} has the wrong type, {type(value).__name__}", advice)


def _shown(text: str) -> str:
    return repr(text[:SHOWN_CHARACTERS])
