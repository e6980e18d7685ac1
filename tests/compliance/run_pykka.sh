#!/bin/sh
# Runs pykka's own test-suite, taken from its sdist, against our actors. Usage: run_pykka.sh PYTHON
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-python3}
version=4.5.0
cache="$here/.cache"
suite="$cache/pykka-$version"
mkdir -p "$cache"
if [ ! -d "$suite" ]; then
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: "pykka==$version" -d "$cache"
    tar -xzf "$cache/pykka-$version.tar.gz" -C "$cache"
fi
cd "$suite"
# pykka's configuration, its tests, our runtime; its three tests about threads of ThreadingActor have no object here
PYTHONPATH="$here/pykka_suite" exec "$python" -m pytest -q -c pyproject.toml --rootdir . -p no:cacheprovider \
    -p no:hubbub_actors -p plugin --ignore tests/test_threading_actor.py tests
