#!/bin/sh
# Finds a Python for the environment in $1 and lets venv.py make it, as far as it is not made yet.
set -u
venv=$1
dev=$(dirname "$0")

# The interpreter beneath, should the one found be that of the environment about to be replaced.
base='import sys; print(sys._base_executable) if sys.version_info >= (3, 11) else sys.exit(1)'
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    python=$("$name" -c "$base" 2>/dev/null) && break
done
if [ -z "$python" ]; then
    printf '%s\n' "agentrt needs Python 3.11 or newer, and none was found." \
        "Install one, or name it: make up PYTHON=/path/to/python3.11" >&2
    exit 1
fi
PYTHONPATH=. exec "$python" -B "$dev/venv.py" "$venv"
