#!/bin/sh
# Runs other people's clients, pinned and unmodified, against a gateway. Usage: run_clients.sh PYTHON [SUITE ...]
# PYTHON is one that has the gateway; a SUITE is a directory beside this file, all if none is named. Needs node and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-python3}
[ $# -eq 0 ] || shift
cd "$here"
for tool in node npm; do
    command -v "$tool" >/dev/null || { echo "cannot run the clients: there is no $tool; install Node 18.19 or later" >&2; exit 2; }
done
# made once, and again when what it is made from changes
if ! cmp -s package-lock.json node_modules/.made-from; then
    npm ci --loglevel error
    cp package-lock.json node_modules/.made-from
fi
venv="$here/.cache/python"
if ! cmp -s requirements.txt "$venv/.made-from"; then
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt
    cp requirements.txt "$venv/.made-from"
fi
exec "$python" "$here/clients.py" "$venv/bin/python" "$@"
