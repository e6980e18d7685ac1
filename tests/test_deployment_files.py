"""
The files of `examples/deploy` agree with each other, with the code and with their README.

How they run is shown in `integration/test_deployment.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gateway.pulse.heartbeat import CLIENT_BEATS_WITHIN
from gateway.pulse.wheel import SLOT
from gateway.settings.config import GatewaySettings
from gateway.settings.sources import load_settings
from tests.support.command import invoke
from tests.support.nginx import CONFIGURATION
from tests.support.process import ROOT

DEPLOY = ROOT / "examples" / "deploy"
README = (DEPLOY / "README.md").read_text()
UNIT = DEPLOY / "hubbub@.service"
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
SPARE_FILES = 1000
"""Files a gateway opens beside its sockets, generously."""


def settings() -> GatewaySettings:
    return load_settings(DEPLOY / "hubbub.toml", {}, {}).settings


def run(*command: str | Path, timeout: float = 30) -> str:
    """All that it says. It must succeed."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    done = subprocess.run(
        command, cwd=ROOT, env=plain, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def directive(name: str) -> str:
    """The one value of a directive of nginx.conf."""
    (found,) = re.findall(rf"^\s*{name} (.+);", CONFIGURATION.read_text(), re.MULTILINE)
    return str(found)


def of_unit(name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return str(found)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def copied() -> list[str]:
    """What the Dockerfile takes out of the checkout."""
    lines = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    return [name for line in lines for name in line.split()]


def checked() -> str:
    """What `hubbub check` prints of the settings."""
    done = invoke("check", str(DEPLOY / "hubbub.toml"))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_settings_are_valid_and_known() -> None:
    """`hubbub check` takes them; no topic is open by oversight, and no secret is in a file."""
    printed = checked()
    assert "development = false" in printed
    assert "# other topics: closed" in printed
    gateway = settings().gateway
    assert (gateway.auth.jwt_secret, gateway.api.key) == ("", "")


def test_nginx_outwaits_the_gateway() -> None:
    """The end of a silent or slow client is ours, with a reason; nginx cuts without one."""
    gateway = settings().gateway
    silence = max(gateway.heartbeat.detects_within, CLIENT_BEATS_WITHIN) + SLOT
    assert seconds(directive("proxy_read_timeout")) > silence
    assert seconds(directive("proxy_send_timeout")) > gateway.limits.outbox_age + SLOT


def test_a_drain_ends_before_the_kill() -> None:
    """systemd's and Docker's patience are above our own."""
    drain = settings().gateway.drain
    (stop_timeout,) = set(re.findall(r"--stop-timeout (\d+)", (DEPLOY / "Dockerfile").read_text() + README))
    assert drain.spread < drain.timeout < min(seconds(of_unit("TimeoutStopSec")), int(stop_timeout))


def test_every_socket_has_its_files_and_ports() -> None:
    """At nginx two of each, at the gateway one; and a port of the loopback."""
    most = settings().gateway.limits.max_connections
    assert most is not None
    assert int(of_unit("LimitNOFILE")) >= most + SPARE_FILES
    assert int(directive("worker_connections")) >= 2 * most + SPARE_FILES / 2
    assert int(directive("worker_rlimit_nofile")) >= int(directive("worker_connections")) + SPARE_FILES
    assert most < 28_232


def test_nginx_and_the_gateway_mean_the_same_address_and_site() -> None:
    """The port behind nginx is the file's, its peer is trusted, and the origin is the name it serves."""
    gateway = settings().gateway
    assert directive("proxy_pass") == f"http://{gateway.host}:{gateway.port}"
    assert gateway.trusted_proxies == ("127.0.0.1",)
    names = set(re.findall(r"^\s*server_name (.+);", CONFIGURATION.read_text(), re.MULTILINE))
    assert {gateway.public_url} == {f"https://{name}" for name in names}
    assert gateway.admin_address is not None
    assert "'{}', {}".format(*gateway.admin_address) in (DEPLOY / "Dockerfile").read_text()


@pytest.mark.slow  # where the fast ones run there need not be a systemd
@pytest.mark.skipif(SYSTEMD_ANALYZE is None and "CI" not in os.environ, reason="needs systemd-analyze, of systemd")
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, once the program is one that is here."""
    assert SYSTEMD_ANALYZE is not None, "cannot read the unit: there is no systemd-analyze; install the package systemd"
    program = of_unit("ExecStart").split()[0]
    (tmp_path / UNIT.name).write_text(UNIT.read_text().replace(program, sys.executable))
    assert run(SYSTEMD_ANALYZE, "verify", "--man=no", tmp_path / "hubbub@8000.service") == ""


def test_the_image_and_the_unit_run_the_same_command() -> None:
    """Where systemd and Docker differ is who starts it."""
    (command,) = re.findall(r'^CMD \["(.+)"\]$', (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert of_unit("ExecStart") == "/opt/hubbub/bin/" + command.replace('", "', " ")


def test_what_the_image_copies_is_here_and_reaches_docker() -> None:
    """Each path exists, and the list of what is sent to Docker lets it through."""
    let_through = re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied()) == sorted(let_through)
    assert [name for name in copied() if not (ROOT / name).exists()] == []


@pytest.mark.slow
def test_what_the_image_copies_is_enough_to_install(tmp_path: Path) -> None:
    """A wheel built of that alone holds every module and page that the checkout has, and its command runs."""
    source = tmp_path / "src"
    for name in copied():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / name, target)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    packages = [source / "actors", source / "gateway"]
    files = [file for package in packages for file in package.rglob("*") if file.is_file() and file.suffix != ".md"]
    assert {str(file.relative_to(source)) for file in files} <= set(zipfile.ZipFile(wheel).namelist())
    run(*pip, "install", "--no-deps", "--target", tmp_path / "there", wheel)
    there = tmp_path / "there"
    alone = f"import runpy, sys; sys.path.insert(0, {str(there)!r}); sys.argv = ['hubbub', '--version']; "
    alone += f"runpy.run_path({str(there / 'bin' / 'hubbub')!r}, run_name='__main__')"
    assert run(sys.executable, "-I", "-S", "-c", alone).startswith("hubbub, version ")


def test_the_readme_names_every_file() -> None:
    """And no file that is not there."""
    table = README.partition("| file |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w[\w@.]+)`", table))
    assert named == {file.name for file in DEPLOY.iterdir() if file.is_file()} - {"README.md"}


def test_the_numbers_of_the_readme_are_those_of_the_files() -> None:
    """Each one that its table quotes is written there, word for word."""
    table = README.partition("## Numbers that have to agree")[2].partition("\n## ")[0]
    cells = [
        cell.strip() for row in re.findall(r"^\| (.+?) \|$", table, re.MULTILINE)[2:] for cell in row.split("|")[:2]
    ]
    effective = checked()
    quoted = [(cell.partition(":")[0], words) for cell in cells for words in re.findall(r"`(.+?)`", cell)]
    texts = {"effective": effective, "the kernel": (DEPLOY / "hubbub.toml").read_text()}
    for file, words in quoted:
        text = texts.get(file) or (DEPLOY / file).read_text()
        assert words.removeprefix("net.ipv4.") in text, f"{file} does not say {words}"
    assert len(quoted) > 15


def test_the_take_over_changes_one_port_and_nothing_else(tmp_path: Path) -> None:
    """The `sed` of the README turns nginx to the other process."""
    (command,) = re.findall(r"^sed -i '(.+?)' /etc/nginx/nginx.conf", README, re.MULTILINE)
    changed = run("sed", command, CONFIGURATION)
    assert "proxy_pass http://127.0.0.1:8010;" in changed
    assert changed.replace("127.0.0.1:8010", "127.0.0.1:8000") == CONFIGURATION.read_text()
