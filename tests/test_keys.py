"""API keys, and where none are needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.keys import find_name, make_key, read_keys
from app.listening import is_loopback
from tests.serving import ROOT, SERVE, environment, served

EVERYWHERE = "0.0.0.0"  # noqa: S104 - that is the point


def test_a_new_key_has_256_bits_and_its_pair_knows_it() -> None:
    """No two are alike, and the pair does not hold the key."""
    made = [make_key("radiology") for _ in range(20)]
    assert len({key for key, _ in made}) == 20
    for key, pair in made:
        assert len(key) == 64
        assert key not in pair
        assert pair == f"radiology:{hashlib.sha256(key.encode()).hexdigest()}"
        assert find_name(read_keys(pair), key) == "radiology"


def test_each_of_several_keys_is_found_by_its_own_name() -> None:
    made = {name: make_key(name) for name in ("a", "b", "c")}
    keys = read_keys(", ".join(pair for _, pair in made.values()))
    assert {name: find_name(keys, key) for name, (key, _) in made.items()} == {name: name for name in made}
    assert find_name(keys, "") is None
    assert find_name(keys, made["a"][1].partition(":")[2]) is None


@pytest.mark.parametrize("text", ["secret", "name:secret", f"a b:{'0' * 64}", f"name:{'0' * 63}", f":{'0' * 64}"])
def test_what_is_no_pair_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="Number 1 is none") as refused:
        read_keys(text)
    assert "secret" not in str(refused.value)


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="different names"):
        read_keys(f"a:{'0' * 64},a:{'1' * 64}")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), (EVERYWHERE, False), ("::", False),
     ("10.0.0.5", False), ("xray.example.org", False)],
)  # fmt: skip
def test_loopback_is_what_no_other_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "variables", [{"HOST": EVERYWHERE}, {"HOST": "::"}, {"PUBLISHED_HOST": EVERYWHERE}, {"PUBLISHED_HOST": "10.0.0.5"}]
)
def test_without_keys_other_machines_are_not_served(tiny_store: Path, variables: dict[str, str]) -> None:
    """One line names both ways out; status 2."""
    done = subprocess.run(
        SERVE, capture_output=True, text=True, timeout=60, env=environment(MODEL_STORE=tiny_store, PORT=0, **variables)
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "pneumoserve keys new NAME" in line
    assert "PNEUMOSERVE_ALLOW_ANONYMOUS=1" in line


@pytest.mark.parametrize(
    "variables",
    [
        {"HOST": EVERYWHERE, "PUBLISHED_HOST": "127.0.0.1"},
        pytest.param({"HOST": EVERYWHERE, "ALLOW_ANONYMOUS": 1}, marks=pytest.mark.long),
        pytest.param({"HOST": EVERYWHERE, "API_KEYS": f"me:{'0' * 64}"}, marks=pytest.mark.long),
    ],
)
def test_keys_permission_or_a_published_loopback_let_it_start(tiny_store: Path, variables: dict[str, object]) -> None:
    """Keys are enforced whatever else is set."""
    with served(MODEL_STORE=tiny_store, **variables) as process:
        url = httpx.URL(process.url).copy_with(host="127.0.0.1")
        status = httpx.post(url.join("/predict"), content=b"x").status_code
    assert status == (401 if "API_KEYS" in variables else 415)


def test_the_command_prints_a_key_that_the_service_takes(tiny_store: Path, tmp_path: Path) -> None:
    """And that `score` reads from a file."""
    made = subprocess.run(
        [sys.executable, "pneumoserve.py", "keys", "new", "archive"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    key, pair = (line.split()[-1] for line in made.stdout.splitlines())
    (tmp_path / "key.txt").write_text(f"{key}\n")
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.jpeg").write_bytes(b"GIF89a")
    with served(MODEL_STORE=tiny_store, API_KEYS=pair) as process:
        score = [
            sys.executable,
            "pneumoserve.py",
            "score",
            str(tmp_path / "films"),
            "--url",
            process.url,
            "--patience",
            "0",
        ]
        rows = []
        for options in (["--api-key-file", str(tmp_path / "key.txt")], []):
            out = tmp_path / f"{len(options)}.csv"
            subprocess.run([*score, "--out", str(out), *options], capture_output=True, cwd=ROOT, check=False)
            rows.append(out.read_text() if out.exists() else "")
    assert "unsupported-format" in rows[0]
    assert "unsupported-format" not in rows[1]


def test_a_key_file_without_a_key_is_refused(tmp_path: Path) -> None:
    for name in ("empty.txt", "absent.txt"):
        (tmp_path / "empty.txt").write_text("\n")
        score = [sys.executable, "pneumoserve.py", "score", str(tmp_path), "--out", "x.csv"]
        done = subprocess.run(
            [*score, "--api-key-file", str(tmp_path / name)], capture_output=True, text=True, cwd=ROOT
        )
        assert (done.returncode, done.stderr) == (2, "Expected --api-key-file to hold a key.\n")
