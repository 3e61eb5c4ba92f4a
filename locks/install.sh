#!/bin/sh
# Puts one of the locked sets into .venv: `sh locks/install.sh serve`, or `gateway`, `archive`, `ray`, `train`, `test`.
#
# PYTHON=… chooses the interpreter; otherwise the first one that runs, is 3.11 to 3.13 and can make a virtual
# environment. .venv/.unfinished stands while pip works: whoever finds it afterwards knows that the folder may hold
# half a package, which pip would take for a whole one, and starts over.
set -eu
cd "$(dirname "$0")/.."
wanted=$1
venv=.venv
unfinished=$venv/.unfinished

say() { printf '%s\n' "$@"; }
fail() {
    say "" "$@" >&2
    exit 1
}

# Prints the version and succeeds where the interpreter fits; an exit status of 3: it cannot make virtual environments.
try_python() {
    "$1" -c '
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(2)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(3)
print(sys.version.split()[0])' 2>/dev/null
}

choose_python() {
    no_venv=
    for python in ${PYTHON:-python3.12 python3.13 python3.11 python3 python}; do
        status=0
        version=$(try_python "$python") || status=$?
        [ $status -eq 0 ] && return
        [ $status -eq 3 ] && no_venv=$python
    done
    [ -z "$no_venv" ] || fail "$no_venv is the right version, but its venv module is missing." \
        "On Debian or Ubuntu: sudo apt install python3-venv. Then run make again."
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13 that runs." \
        "Name one that does, for example: make serve PYTHON=/usr/bin/python3.12"
    fail "No Python 3.11, 3.12 or 3.13 was found." \
        "Install one, or say where it is: make serve PYTHON=/path/to/python3.12"
}

if [ -e $unfinished ]; then
    other=$(cat $unfinished)
    if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
        fail "Another make (process $other) is setting up .venv. Wait until it is done, then run make again."
    fi
    say "The last set-up was interrupted; starting over."
    rm -rf $venv
fi
if ! try_python $venv/bin/python >/dev/null; then
    choose_python
    say "Making .venv with Python $version ($python)."
    rm -rf $venv
    mkdir $venv
    echo $$ >$unfinished
    "$python" -m venv $venv || fail "Making .venv failed. Is there space left on the disk, and may you write here?"
fi
echo $$ >$unfinished

pip() { $venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }
pip --version >/dev/null 2>&1 || $venv/bin/python -m ensurepip >/dev/null # a .venv that uv made has no pip

case $wanted in
serve) say "Installing what serving needs. The first time takes about a minute: some 150 MB are fetched." ;;
archive) say "Installing what object stores need. The first time takes about a minute: some 250 MB are fetched." ;;
ray) say "Installing what Ray needs. The first time takes about a minute: some 350 MB are fetched." ;;
gateway) say "Installing what the gateway needs. The first time takes about a minute: some 200 MB are fetched." ;;
*) say "Installing what ${wanted}ing needs, TensorFlow with it. The first time takes a few minutes: over 1 GB is fetched." ;;
esac
pip install -qq --require-hashes -r "locks/$wanted.txt" || fail \
    "Installing locks/$wanted.txt failed; pip says why above." \
    "Without a network, or behind a proxy: set HTTPS_PROXY, or PIP_INDEX_URL to your mirror. Then run make again."
pip install -qq --no-deps --no-build-isolation -e . || fail "Installing the project itself failed; pip says why above."
rm $unfinished
say "Installed."
