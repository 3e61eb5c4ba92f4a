"""What `from pneumoserve import …` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pneumoserve
from tests.test_house import HEAVY, run

STUBS = Path(__file__).parents[1] / "pneumoserve-stubs" / "__init__.pyi"


@pytest.mark.parametrize("name", pneumoserve.__all__)
def test_a_public_name_is_there(name: str) -> None:
    """From the module that it is defined in, where `score` and the gateway take it from."""
    public = getattr(pneumoserve, name)
    assert public is getattr(sys.modules[public.__module__ if isinstance(public, type) else "batch.retry"], name)


def test_type_checkers_and_programs_see_the_same_names() -> None:
    stubs = [node for node in ast.parse(STUBS.read_text()).body if isinstance(node, ast.ImportFrom)]
    named = {alias.asname: (node.module, alias.name) for node in stubs for alias in node.names}
    assert sorted(named) == sorted(pneumoserve.__all__)
    for name, (module, defined) in named.items():
        assert getattr(pneumoserve, name) is getattr(sys.modules[module], defined)


def test_another_name_is_none() -> None:
    with pytest.raises(AttributeError, match="'Klient'"):
        pneumoserve.Klient  # noqa: B018 - it raises


def test_the_client_needs_no_library_of_the_service() -> None:
    """And leaves the settings of the caller's process alone."""
    code = f"""if True:
        import os, sys
        before = dict(os.environ)
        from pneumoserve import Client, Prediction, Problem, RetryPolicy
        Client("http://127.0.0.1:8000")
        print(sorted(set({[*HEAVY, "httpx", "starlette"]}) & set(sys.modules)), os.environ == before)
    """
    assert run(code).stdout.strip() == "[] True"


def test_without_httpx_the_asynchronous_client_says_what_to_install() -> None:
    """In one line; the other one needs none."""
    code = """if True:
        import sys
        sys.modules["httpx"] = None
        from pneumoserve import Client
        from pneumoserve import AsyncClient
    """
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=STUBS.parents[1], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: AsyncClient needs httpx, which is not installed: pip install 'pneumoserve[client]'"
    )
