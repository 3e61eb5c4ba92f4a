#!/bin/sh
# Writes locks/*.txt from pyproject.toml with uv; the tests' set comes first and holds the other two to its versions.
set -eu
cd "$(dirname "$0")/.."
if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv/bin/uv
    [ -x $uv ] || { echo "Installing uv into .venv."; .venv/bin/python -m pip install -qq uv; }
fi
compile() {
    echo "Resolving $1"
    out=$1
    shift
    $uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command "make lock" pyproject.toml -o "$out" "$@"
}
compile locks/test.txt --extra dev "$@"
compile locks/serve.txt --extra build -c locks/test.txt "$@"
compile locks/dicom.txt --extra build --extra dicom -c locks/test.txt "$@"
compile locks/gateway.txt --extra build --extra gateway -c locks/test.txt "$@"
compile locks/train.txt --extra build --extra train -c locks/test.txt "$@"
echo "Resolving locks/tools.txt"
$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
    --custom-compile-command "make lock" locks/tools.in -o locks/tools.txt "$@"
if grep -n '://' locks/*.txt; then
    echo "An address stands in the locks (above); they must name packages only." >&2
    exit 1
fi
