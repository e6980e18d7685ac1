"""Variables that begin as ours do: what a cluster gives its containers, and what somebody has misspelt."""

from __future__ import annotations

import pytest

from actors.config.config import ConfigError
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings

OF_KUBERNETES = {
    "HUBBUB_SERVICE_HOST": "10.96.12.7",
    "HUBBUB_SERVICE_PORT": "8000",
    "HUBBUB_SERVICE_PORT_HTTP": "8000",
    "HUBBUB_PORT": "tcp://10.96.12.7:8000",
    "HUBBUB_PORT_8000_TCP": "tcp://10.96.12.7:8000",
    "HUBBUB_PORT_8000_TCP_PROTO": "tcp",
    "HUBBUB_PORT_8000_TCP_PORT": "8000",
    "HUBBUB_PORT_8000_TCP_ADDR": "10.96.12.7",
    "HUBBUB_ADMIN_SERVICE_HOST": "fd00::7",
    "HUBBUB_ADMIN_SERVICE_PORT": "8001",
    "HUBBUB_ADMIN_PORT": "udp://[fd00::7]:8001",
    "HUBBUB_ADMIN_PORT_8001_UDP_ADDR": "fd00::7",
}
"""Of services called `hubbub` and `hubbub-admin` in the same namespace, as every container there is given them."""


def letter(**environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, environ, {}, app=True)
    return str(caught.value)


def test_what_kubernetes_says_of_services_is_no_setting() -> None:
    """A pod beside a service that is called as we are starts as it would alone."""
    assert load_settings(None, OF_KUBERNETES, {}, app=True).settings == GatewaySettings()


@pytest.mark.parametrize("name", OF_KUBERNETES)
def test_those_names_with_other_values_are_looked_at(name: str) -> None:
    """Exactly these shapes pass: whoever sets one of them to something else has meant us, and misspelt it."""
    assert letter(**{name: "tcp-9000"}).startswith("cannot read ")


def test_a_port_of_ours_beside_a_service_counts() -> None:
    """What is no URL is ours, whatever else the cluster says."""
    environ = {**OF_KUBERNETES, "HUBBUB_PORT": "9000"}
    assert load_settings(None, environ, {}, app=True).settings.gateway.port == 9000


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HUBBUB_PROT", 'did you mean "HUBBUB_PORT"?'),
        ("HUBBUB_GATEWAY_PORT", 'did you mean "HUBBUB_GATEWAY__PORT"?'),
        ("HUBBUB_GATEWAY__LIMITS__BRUST", 'did you mean "HUBBUB_GATEWAY__LIMITS__BURST"?'),
        ("HUBBUB_WORKERS", "remove it; `hubbub check --print-defaults` prints every setting"),
        ("HUBBUB_SECRET", "remove it; `hubbub check --print-defaults` prints every setting"),
        ("HUBBUB_LOG_LEVEL", "remove it; `hubbub check --print-defaults` prints every setting"),
    ],
)
def test_only_what_is_really_like_it_is_suggested(name: str, hint: str) -> None:
    """The prefix that all have in common makes no name like another."""
    assert letter(**{name: "1"}) == f"cannot read {name}: there is no such environment variable; {hint}"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("HUBBUB_TOPICS__NEWS__JOIN", 'topics."name"'),
        ("HUBBUB_TOPICS", 'topics."name"'),
        ("HUBBUB_SUPERVISOR__FEEDS__INTENSITY", "supervisor.name"),
        ("HUBBUB_ACTORS__MAILBOX__SMALL__CAPACITY", "actors.mailbox.name"),
    ],
)
def test_tables_that_a_person_names_belong_into_the_file(name: str, table: str) -> None:
    """A pattern of topics cannot be spelt in capitals; the letter says where it goes."""
    assert letter(**{name: "1"}) == (
        f"cannot read {name}: what is in tables with names of your own has no variable; write [{table}] into the file"
    )
