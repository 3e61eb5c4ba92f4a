"""SECURITY.md: its promises have tests, and some of these stand here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running, running

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text()
MOST_LINES = 80
SOFTWARE = re.compile(r"uvicorn|starlette|fastapi|python|h11|httptools|openvino", re.IGNORECASE)


def test_every_test_that_the_page_names_is_there() -> None:
    """In the file that it names."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 20
    missing = [f"{path}::{name}" for path, name in named if name not in functions_of(ROOT / path)]
    assert missing == []


def functions_of(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_its_test() -> None:
    """In the last column."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][2:]
    assert rows
    assert [row for row in rows if "::test_" not in row.split(" | ")[-1]] == []


def test_the_page_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/", "/docs/assets/swagger-ui.css", "/predict"])
def test_no_answer_names_the_software(quick: Running, path: str) -> None:
    """In its headers."""
    for method in ("GET", "POST", "OPTIONS"):
        headers = quick.client.request(method, path).headers
        assert not SOFTWARE.search(str(headers))
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service without a model."""
    with running(tmp_path_factory.mktemp("empty"), wait_ready=False) as server:
        yield server


# The list of ARM64's wheels is not installed from.
LOCKS = sorted(path for path in (ROOT / "locks").glob("*.txt") if path.stem != "aarch64")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_of_the_locks_has_its_hashes(lock: Path) -> None:
    """The installation asks for them."""
    packages = re.findall(
        r"^[\w.-]+(?:\[[\w,-]+\])?==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", lock.read_text(), re.M
    )
    assert packages
    assert [package.split()[0] for package in packages if "--hash=" not in package] == []
    assert "--require-hashes" in (ROOT / "locks" / "install.sh").read_text()


def test_the_container_has_no_privileges() -> None:
    """As image, and under compose."""
    image, compose = (ROOT / "Dockerfile").read_text(), (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"^USER (.*)", image, re.M)[-1] == "10001:10001"
    wanted = ['user: "10001:10001"', "read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]']
    assert [line for line in wanted if not re.search(rf"^ +{re.escape(line)}", compose, re.M)] == []
