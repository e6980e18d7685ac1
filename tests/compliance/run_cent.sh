#!/bin/sh
# Runs cent, Centrifugo's client library for back ends, pinned and unmodified, against a gateway. Usage: run_cent.sh PYTHON
# PYTHON is one that has the gateway; cent gets an environment of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-python3}
venv="$here/.cache/cent"
# made once, and again when what it is made from changes
if ! cmp -s "$here/cent/requirements.txt" "$venv/.made-from"; then
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/cent/requirements.txt"
    cp "$here/cent/requirements.txt" "$venv/.made-from"
fi
exec "$python" "$here/cent/against_a_gateway.py" "$venv/bin/python"
