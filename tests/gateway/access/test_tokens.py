"""Tokens: what is believed, until when, and what each kind of wrong one ends in. Time is an argument."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from actors.config.config import ConfigError
from gateway.access.identity import Principal, TopicGrant
from gateway.access.tokens import MAX_TOKEN, MAX_TOPICS, Tokens
from gateway.reasons import InvalidToken, Refused
from gateway.settings.auth import MASK
from gateway.settings.sources import load_settings
from gateway.settings.text import default_lines, effective_lines
from tests.support.signed import SECRET, base64url, sealed, signed

NOW = 1_800_000_000.0
TOKENS = Tokens(SECRET)


def principal(**claims: Any) -> Principal:
    return TOKENS.principal(signed(claims), NOW)


def invalid(token: str) -> str:
    """The letter about a connection token."""
    with pytest.raises(InvalidToken) as caught:
        TOKENS.principal(token, NOW)
    assert caught.value.__cause__ is None
    return str(caught.value)


def refusal(token: str, topic: str = "a", user: str = "42") -> Refused:
    """The refusal of a subscription token."""
    with pytest.raises(Refused) as caught:
        TOKENS.topic_grant(token, topic, user, NOW)
    return caught.value


# --- connections


def test_the_claims_of_centrifugo_become_a_principal() -> None:
    """Who, until when, what others see, what the server joins; the other claims are there to read."""
    found = principal(sub="42", exp=NOW + 60, info={"name": "Ada"}, channels=["a", "b", "a"], roles=["x"], team=7)
    assert (found.id, found.expires, found.roles) == ("42", NOW + 60, frozenset({"x"}))
    assert (found.info, found.topics) == (b'{"name":"Ada"}', ("a", "b"))
    assert found.claims["team"] == 7
    with pytest.raises(TypeError):
        found.claims["team"] = 8  # type: ignore[index]


def test_a_token_that_says_nothing_is_anonymous() -> None:
    """And valid for ever; null says as little as silence."""
    assert principal() == Principal()
    found = principal(sub=None, info=None, channels=None, roles=None)
    assert (found.id, found.is_authenticated, found.info, found.topics) == ("", False, None, ())


def test_a_token_of_another_library_is_understood() -> None:
    """The example of jwt.io, and one made by PyJWT."""
    head, payload = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        ("eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"),
    )
    token = f"{head}.{payload}.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    assert Tokens("your-256-bit-secret").principal(token, NOW).id == "1234567890"
    long = "a secret of more than 256 bits, as the standard wants"
    assert Tokens(long).principal(jwt.encode({"sub": "7"}, long), NOW).id == "7"


@pytest.mark.parametrize("info", [{"a": [1, None, "ä"]}, [], "text", 0, False, 1.5, 10**30])
def test_info_is_any_json(info: object) -> None:
    """And not nothing because it is falsy."""
    encoded = principal(info=info).info
    assert encoded is not None
    assert json.loads(encoded) == info


@pytest.mark.parametrize(
    ("claims", "valid"),
    [
        ({"exp": NOW + 0.1}, True),
        ({"exp": NOW}, False),
        ({"exp": NOW - 1}, False),
        ({"exp": 0}, False),
        ({"exp": -1}, False),
        ({"nbf": NOW}, True),
        ({"nbf": NOW + 1}, False),
        ({"iat": NOW + 1000}, True),
        ({"exp": -(10**400)}, False),
    ],
)
def test_a_token_is_valid_from_nbf_until_before_exp(claims: dict[str, Any], valid: bool) -> None:
    """RFC 7519 4.1.4, 4.1.5. One that is not valid is `token_expired`: the client gets another. `iat` is no limit."""
    for token, verify in (
        (signed(claims), lambda token: TOKENS.principal(token, NOW)),
        (signed({"channel": "a"} | claims), lambda token: TOKENS.topic_grant(token, "a", "", NOW)),
    ):
        if valid:
            verify(token)
            continue
        with pytest.raises(Refused) as caught:
            verify(token)
        assert (caught.value.reason, caught.value.code) == ("token_expired", 109)


def test_the_time_is_the_caller_s() -> None:
    """The same token, at two moments of a clock that may be virtual."""
    token = signed({"exp": 100})
    assert TOKENS.principal(token, 99.9).expires == 100.0
    with pytest.raises(Refused):
        TOKENS.principal(token, 100.0)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"sub": 42}, "claim sub has the wrong type, int; write a text"),
        ({"sub": ["42"]}, "claim sub has the wrong type, list"),
        ({"exp": "1800000000"}, "claim exp has the wrong type, str; write seconds since 1970"),
        ({"exp": None}, "claim exp has the wrong type, NoneType"),
        ({"exp": True}, "claim exp has the wrong type, bool"),
        ({"exp": 10**400}, "claim exp is after the year 9999"),
        ({"exp": NOW * 1000}, "claim exp is after the year 9999; write seconds since 1970, not milliseconds"),
        ({"nbf": NOW * 1000}, "claim nbf is after the year 9999"),
        ({"nbf": {}}, "claim nbf has the wrong type, dict"),
        ({"iat": "now"}, "claim iat has the wrong type, str"),
        ({"channels": "a"}, "claim channels has the wrong type, str; write a list of texts"),
        ({"channels": ["a", 1]}, "claim channels has the wrong type, list"),
        ({"channels": ["a,b"]}, "one of its channels has a name that no topic may have"),
        ({"channels": [""]}, "one of its channels has a name that no topic may have"),
        ({"channels": [str(n) for n in range(MAX_TOPICS + 1)]}, "it has 129 channels; issue tokens with at most 128"),
        ({"roles": "admin"}, "claim roles has the wrong type, str"),
        ({"roles": {"admin": True}}, "claim roles has the wrong type, dict"),
        ({"channel": "a", "sub": "42"}, "it has a claim channel, which is for subscriptions"),
        ([], "its claims are list; issue one with a JSON object"),
        ("text", "its claims are str"),
        (b"{", "its claims are no JSON that we read"),
        (b'{"a":NaN}', "its claims are no JSON that we read"),
        (b'{"a":"\xff"}', "its claims are no JSON that we read"),
        (b"[" * 101 + b"]" * 101, "its claims are no JSON that we read"),
    ],
)
def test_claims_of_the_wrong_kind_make_it_invalid(claims: object, said: str) -> None:
    """All of it: half of a token is nobody's word. Signed or not, it closes and is not tried again."""
    assert said in invalid(signed(claims))


def test_as_many_channels_as_a_connection_may_join_are_fine() -> None:
    """The limit itself is allowed."""
    names = tuple(str(n) for n in range(MAX_TOPICS))
    assert principal(channels=names).topics == names


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "it is no signed JSON Web Token"),
        ("garbage", "it is no signed JSON Web Token"),
        ("a.b.c", "it is no signed JSON Web Token"),
        ("..", "it is no signed JSON Web Token"),
        ("ä.\ud800.\x00", "it is no signed JSON Web Token"),
        (signed({"sub": "42"})[:-4], "its signature is not ours"),
        (signed({"sub": "42"}, "other"), "its signature is not ours"),
        (signed({"sub": "42"}, algorithm="HS512"), "its algorithm is none of HS256"),
        (signed({"sub": "42"}, algorithm="none"), "its algorithm is none of HS256"),
        (sealed(f"{base64url(b'[]')}.{base64url(b'{}')}"), "it is no signed JSON Web Token"),
        (sealed(f"{base64url(b'[' * 5000)}.{base64url(b'{}')}"), "it is no signed JSON Web Token"),
        (sealed(f"{base64url(b'{}')}.{base64url(b'{}')}"), "its algorithm is none of HS256"),
        (signed({}, alg=["HS256"]), "its algorithm is none of HS256"),
        (signed({}, b64=False, crit=["b64"]), "it is no signed JSON Web Token"),
        ("x" * (MAX_TOKEN + 1), "it has 8193 characters; issue tokens of at most 8192"),
    ],
)
def test_what_is_not_ours_is_invalid(token: str, said: str) -> None:
    """The letter says why, for the log, and never repeats the token."""
    letter = invalid(token)
    assert said in letter
    assert not token or token not in letter


def test_a_token_of_the_largest_size_is_taken() -> None:
    """The limit itself is allowed."""
    pads = (signed({"pad": "x" * size}) for size in range(6_000, 6_100))
    token = next(token for token in pads if len(token) == MAX_TOKEN)
    assert TOKENS.principal(token, NOW).id == ""


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_only_the_algorithms_that_were_chosen_are_believed(algorithm: str) -> None:
    """The verifier decides, not the header."""
    chosen, all_but = Tokens(SECRET, algorithms=[algorithm]), {"HS256", "HS384", "HS512"} - {algorithm}
    assert chosen.principal(signed({"sub": "1"}, algorithm=algorithm), NOW).id == "1"
    for other in all_but:
        with pytest.raises(InvalidToken):
            chosen.principal(signed({"sub": "1"}, algorithm=other), NOW)


# --- subscriptions


def test_a_subscription_token_grants_one_topic_to_one_user() -> None:
    """With what others see there, and until when."""
    token = signed({"channel": "a", "sub": "42", "exp": NOW + 9, "info": [1]})
    assert TOKENS.topic_grant(token, "a", "42", NOW) == TopicGrant(b"[1]", NOW + 9)
    assert TOKENS.topic_grant(signed({"channel": "a"}), "a", "", NOW) == TopicGrant()


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "it is empty"),
        (signed({"channel": "b", "sub": "42"}), "it is for channel 'b', not 'a'"),
        (signed({"sub": "42"}), "it is for channel '', not 'a'"),
        (signed({"channel": "a", "sub": "7"}), "it is for user '7', not '42'"),
        (signed({"channel": "a"}), "it is for user '', not '42'"),
    ],
)
def test_a_subscription_token_of_somebody_else_is_invalid(token: str, said: str) -> None:
    """It was stolen or mixed up: the connection closes with 3500, as the reference does."""
    with pytest.raises(InvalidToken) as caught:
        TOKENS.topic_grant(token, "a", "42", NOW)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        signed({"channel": "a", "sub": "42"}, "other"),
        signed({"channel": "a", "sub": "42"}, algorithm="none"),
        signed({"channel": "a", "sub": 42}),
        signed({"channel": ["a"], "sub": "42"}),
        signed({"channel": "a", "sub": "42", "exp": "never"}),
        signed({"channel": "a", "sub": "42", "nbf": "now"}),
        "x" * 9000,
    ],
)
def test_a_subscription_token_that_is_not_ours_is_refused(token: str) -> None:
    """103: only this subscription ends. Why is there for the log alone."""
    refused = refusal(token)
    assert (refused.reason, refused.code, refused.message) == ("permission_denied", 103, "permission denied")
    assert isinstance(refused.__cause__, InvalidToken)


def test_an_expired_subscription_token_is_renewed_whoever_s_it_is() -> None:
    """109 goes before the comparison, as in the reference: the next one will be compared."""
    assert refusal(signed({"channel": "b", "sub": "7", "exp": NOW})).reason == "token_expired"


# --- the secret


@pytest.mark.parametrize("secret", ["s", "secret", "ä", "x" * 31, "x" * 500, " s ", "{}", "123"])
def test_any_secret_will_do(secret: str) -> None:
    """Short ones too, without a warning: a first try must not fail on a standard's advice."""
    assert Tokens(secret).principal(signed({"sub": "1"}, secret), NOW).id == "1"


PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----"


@pytest.mark.parametrize("secret", ["", " ", " \t\n", PUBLIC_KEY, "ssh-rsa AAAA", "\ud800 hush"])
def test_what_everybody_knows_is_no_secret(secret: str) -> None:
    """Who pastes a public key would believe whoever has read it. The letter does not repeat it."""
    with pytest.raises(ValueError) as caught:
        Tokens(secret)
    assert str(caught.value).startswith("could not use the secret of tokens: it is ")
    assert not secret.strip() or secret not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("secret", [5, ["secret"], object(), True])
def test_a_secret_is_a_text(secret: object) -> None:
    """What else is given is told by its type: it may hold one."""
    with pytest.raises(TypeError, match="could not use the secret of tokens: it is of type ") as caught:
        Tokens(secret)  # type: ignore[arg-type]
    assert type(secret).__name__ in str(caught.value)


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256", "RS256"], ["hs256"]])
def test_only_the_family_of_the_secret_can_be_chosen(algorithms: list[str]) -> None:
    """An RSA signature cannot be checked with a secret; `none` is no signature."""
    with pytest.raises(ValueError, match="use HS256, HS384 or HS512"):
        Tokens(SECRET, algorithms=algorithms)


def test_the_configured_secret_is_never_shown(tmp_path: Path) -> None:
    """Not by `check`, not by a repr. One that is not set is shown as that, so that a printed file sets none."""
    loaded = load_settings(None, {"HUBBUB_GATEWAY__AUTH__JWT_SECRET": "hunter2"}, {})
    assert loaded.settings.gateway.auth.jwt_secret == "hunter2"
    lines = effective_lines(loaded)
    assert any(line.startswith('jwt_secret = "***"') and "JWT_SECRET" in line for line in lines)
    assert "hunter2" not in "\n".join(lines) + repr(loaded) + repr(Tokens("hunter2"))
    assert 'jwt_secret = ""' in default_lines()


@pytest.mark.parametrize("value", [f'"{MASK}"', "5"])
def test_what_check_prints_does_not_become_the_secret(tmp_path: Path, value: str) -> None:
    """`hubbub check > hubbub.toml` would else give a secret that all who do it share. Letters do not repeat values."""
    file = tmp_path / "hubbub.toml"
    file.write_text(f"[gateway.auth]\njwt_secret = {value}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {}, {})
    assert "gateway.auth.jwt_secret" in str(caught.value)
    assert "its value, a secret and not shown" in str(caught.value)


# --- a secret that is replaced


def test_the_secret_before_is_believed_and_no_third() -> None:
    """Of connections and of topics; what is wrong with a token is said whichever it was signed with."""
    both = Tokens("the new secret of this gateway, long enough", before=SECRET)
    old, new = signed({"sub": "42"}), signed({"sub": "42"}, "the new secret of this gateway, long enough")
    assert [both.principal(token, NOW).id for token in (old, new)] == ["42", "42"]
    assert both.topic_grant(signed({"sub": "42", "channel": "a"}), "a", "42", NOW) == TopicGrant(None, None)
    with pytest.raises(Refused, match="token_expired"):
        both.principal(signed({"sub": "42", "exp": NOW - 1}), NOW)
    with pytest.raises(InvalidToken, match="its signature is not ours"):
        both.principal(signed({"sub": "42"}, "a third secret of as many bytes as the others"), NOW)
