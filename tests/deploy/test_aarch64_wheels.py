"""The serving image builds on ARM64: each locked package has a wheel there, with a hash that the lock knows."""

from __future__ import annotations

import re
from pathlib import Path

LOCKS = Path(__file__).parents[2] / "locks"
PACKAGE = re.compile(r"^([a-z0-9-]+)==([^ ;]+)(?: ; ([^\\]+))? \\$((?:\n    --hash=.*)+)", re.MULTILINE)
ELSEWHERE = re.compile(r"sys_platform == '(win32|darwin|emscripten)'|python_full_version >= '3\.13'|< '3\.12'")
WHEEL = re.compile(r"-(?:py3|py2\.py3|cp312|cp3\d+-abi3)\S*-(?:any|\S*aarch64)\.whl$")


def test_each_package_of_the_serving_image_has_a_wheel_for_aarch64() -> None:
    wheels = {}
    for line in (LOCKS / "aarch64.txt").read_text().splitlines():
        if not line.startswith("#"):
            package, sha256, file = line.split()
            wheels[package.replace("_", "-").lower()] = (sha256, file)
    needed = [found for found in PACKAGE.findall((LOCKS / "dicom.txt").read_text()) if not ELSEWHERE.search(found[2])]
    assert len(needed) > 35
    for name, version, _, hashes in needed:
        sha256, file = wheels[f"{name}=={version}"]
        assert f"--hash=sha256:{sha256}" in hashes, name
        assert WHEEL.search(file), file
