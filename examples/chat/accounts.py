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
class Account:
    name: str
    is_admin: bool
    salt: bytes = attrs.field(repr=False)
    digest: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, name: str, password: str, *, is_admin: bool = False) -> Account:
        salt = secrets.token_bytes(16)
        return cls(name, is_admin, salt, digest_of(password, salt))

    def has_password(self, password: str) -> bool:
        return hmac.compare_digest(self.digest, digest_of(password, self.salt))


def digest_of(password: str, salt: bytes) -> bytes:
    """
    Slow on purpose: 16 MiB and about 0.15 s (OWASP's password storage cheat sheet, its smallest scrypt).

    It lets the loop go on meanwhile, if it is called on a thread.
    """
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=5)


class Accounts:
    """By name, in any case: Ada and ada are one person. May be used from any thread."""

    def __init__(self) -> None:
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
        account = Account.of(name, password, is_admin=is_admin)
        if self._by_name.setdefault(name.lower(), account) is not account:
            raise NotSignedUp(f"{name} has an account already; log in, or take another name")
        return account

    def find(self, name: str, password: str) -> Account | None:
        """Blocks while it hashes, also for nobody: else the time it takes would tell which names there are."""
        account = self._by_name.get(name.lower(), self._nobody)
        is_right = len(password) <= MAX_PASSWORD and account.has_password(password)
        return account if is_right and account is not self._nobody else None


def demo_accounts() -> Accounts:
    """Three to try it with; their password is no secret."""
    accounts = Accounts()
    for name in ("Ada", "Bob", "admin"):
        accounts.sign_up(name, "hubbub", is_admin=name == "admin")
    return accounts
