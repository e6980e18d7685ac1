"""Who has an account: their names, and what can be checked of their passwords. In memory; a product has a table."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

import attrs

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,19}")
MIN_PASSWORD, MAX_PASSWORD = 6, 200
"""Characters. Longer ones than 200 are nobody's password but somebody's attempt to keep us busy."""

MAX_ACCOUNTS = 1_000
"""Anybody may sign up, and each account takes memory."""


class NotSignedUp(ValueError):
    """There is no account of that name and password to be made; says why."""


@attrs.frozen
class Hashing:
    """Slow on purpose. These take 16 MiB and some 0.15 s (OWASP's password storage cheat sheet); tests take less."""

    n: int = 2**14
    r: int = 8
    p: int = 5

    def digest(self, password: str, salt: bytes) -> bytes:
        """It lets the loop go on meanwhile, if it is called on a thread."""
        return hashlib.scrypt(password.encode(), salt=salt, n=self.n, r=self.r, p=self.p)


@attrs.frozen
class Account:
    name: str
    is_admin: bool
    salt: bytes = attrs.field(repr=False)
    digest: bytes = attrs.field(repr=False)


class Accounts:
    """By name, in any case: Ada and ada are one person. May be used from any thread."""

    def __init__(self, hashing: Hashing | None = None) -> None:
        self._hashing = hashing or Hashing()
        self._by_name: dict[str, Account] = {}
        self._nobody = Account("nobody", is_admin=False, salt=secrets.token_bytes(16), digest=b"")

    def sign_up(self, name: str, password: str, *, is_admin: bool = False) -> Account:
        """Blocks while it hashes. Raises NotSignedUp."""
        if not NAME.fullmatch(name):
            raise NotSignedUp("a name has 2 to 20 letters, digits, - or _, and begins with a letter")
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise NotSignedUp(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        if len(self._by_name) >= MAX_ACCOUNTS:
            raise NotSignedUp("there are too many accounts; come back later")
        salt = secrets.token_bytes(16)
        account = Account(name, is_admin, salt, self._hashing.digest(password, salt))
        if self._by_name.setdefault(name.lower(), account) is not account:
            raise NotSignedUp(f"{name} has an account already; log in, or take another name")
        return account

    def find(self, name: str, password: str) -> Account | None:
        """Blocks while it hashes, also for nobody: else the time it takes would tell which names there are."""
        account = self._by_name.get(name.lower(), self._nobody)
        digest = self._hashing.digest(password[:MAX_PASSWORD], account.salt)
        return account if hmac.compare_digest(digest, account.digest) and len(password) <= MAX_PASSWORD else None


def demo_accounts(hashing: Hashing | None = None) -> Accounts:
    """Three to try it with; their password is no secret."""
    accounts = Accounts(hashing)
    for name in ("Ada", "Bob", "admin"):
        accounts.sign_up(name, "hubbub", is_admin=name == "admin")
    return accounts
