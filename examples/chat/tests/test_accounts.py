"""What is kept of a password, and who is told what about it."""

from __future__ import annotations

from examples.chat.accounts import Accounts


def test_a_password_is_kept_nowhere(accounts: Accounts) -> None:
    """Two people with one password have nothing in common, and neither is shown where an account is printed."""
    ada, bob = accounts.find("Ada", "hubbub"), accounts.find("bob", "hubbub")
    assert ada is not None
    assert bob is not None
    assert ada.digest != bob.digest
    assert "hubbub" not in repr(vars(accounts)) + repr(ada)
    assert repr(ada) == "Account(name='Ada', is_admin=False)"


def test_nobody_has_no_password(accounts: Accounts) -> None:
    """A name without an account, the stand-in that is compared with, and a wrong password are all the same: None."""
    assert accounts.find("Eve", "hubbub") is accounts.find("nobody", "") is accounts.find("Ada", "Hubbub") is None
