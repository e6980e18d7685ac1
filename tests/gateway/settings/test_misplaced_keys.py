"""A key of the file that stands in the wrong table: the letter names the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.config.config import ConfigError
from gateway.settings.sources import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 9000", 'port (file): there is no such setting; did you mean "gateway.port"?'),
        ("[limits]\nburst = 5", 'limits (file): there is no such setting; did you mean "gateway.limits"?'),
        ("[log]\nburst = 5", 'log.burst (file): there is no such setting; did you mean "gateway.limits.burst"?'),
        (
            '[actor.x]\nclass = "a:B"\nintensity = 3',
            'actor.x.intensity (file): there is no such setting; did you mean "supervisor.NAME.intensity"?',
        ),
        ("[gateway]\nhots = 5", 'gateway.hots (file): there is no such setting; did you mean "host"?'),
    ],
)
def test_a_key_in_the_wrong_table_is_sent_to_the_right_one(tmp_path: Path, text: str, said: str) -> None:
    """Who writes a key of ours one level too high or too low is told where it is."""
    file = tmp_path / "hubbub.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {}, {})
    assert str(caught.value).replace(f"(file {file})", "(file)") == f"cannot read {said}"
