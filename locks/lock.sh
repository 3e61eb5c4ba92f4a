#!/bin/sh
# Writes locks/*.txt from pyproject.toml with uv; the tests' set comes first and holds the others to its versions.
set -eu
cd "$(dirname "$0")/.."
if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv/bin/uv
    [ -x $uv ] || { echo "Installing uv into .venv."; .venv/bin/python -m pip install -qq uv; }
fi
# $1 becomes the lock of $2.
compile() {
    echo "Resolving $1"
    out=$1
    from=$2
    shift 2
    $uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command "make lock" "$from" -o "$out" "$@"
}
compile locks/test.txt pyproject.toml --extra dev "$@"
compile locks/serve.txt pyproject.toml --extra build -c locks/test.txt "$@"
compile locks/dicom.txt pyproject.toml --extra build --extra dicom -c locks/test.txt "$@"
compile locks/tracing.txt pyproject.toml --extra build --extra dicom --extra tracing -c locks/test.txt "$@"
compile locks/gateway.txt pyproject.toml --extra build --extra gateway -c locks/test.txt "$@"
compile locks/train.txt pyproject.toml --extra build --extra train -c locks/test.txt "$@"
compile locks/archive.txt pyproject.toml --extra build --extra dicom --extra archive -c locks/test.txt "$@"
compile locks/ray.txt pyproject.toml --extra build --extra dicom --extra ray -c locks/test.txt "$@"
compile locks/tools.txt locks/tools.in "$@"
compile locks/kserve.txt locks/kserve.in "$@"
# Fails where a package has no wheel for the image's Python on ARM64.
echo "Resolving locks/aarch64.txt"
$uv pip compile --quiet --python-platform aarch64-manylinux_2_36 --python-version 3.12 --only-binary :all: \
    --generate-hashes --format pylock.toml -c locks/dicom.txt pyproject.toml --extra build --extra dicom -o .venv/pylock.toml
.venv/bin/python locks/aarch64.py <.venv/pylock.toml >locks/aarch64.txt
if grep -n '://' locks/*.txt; then
    echo "An address stands in the locks (above); they must name packages only." >&2
    exit 1
fi
