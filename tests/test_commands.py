"""The command line: its commands, their help, and the line after a wrong call."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import pneumoserve

GROUP = typer.main.get_command(pneumoserve.app)
COMMANDS = {**GROUP.commands, **{f"models {name}": made for name, made in GROUP.commands["models"].commands.items()}}


def call(*arguments: str) -> tuple[int, str, str]:
    ended = CliRunner().invoke(pneumoserve.app, arguments)
    return ended.exit_code, ended.stdout, ended.stderr


def test_the_version_is_the_packages() -> None:
    assert call("--version") == (0, f"pneumoserve {version('pneumoserve')}\n", "")


def test_a_shell_may_complete_the_commands() -> None:
    """The script for it is printed, or installed."""
    assert "--install-completion" in call("--help")[1]
    ended = CliRunner().invoke(
        pneumoserve.app,
        env={"_PNEUMOSERVE_COMPLETE": "complete_bash", "COMP_WORDS": "pneumoserve ev", "COMP_CWORD": "1"},
        prog_name="pneumoserve",
    )
    assert ended.stdout.split() == ["evaluate"]


@pytest.mark.parametrize(
    ("arguments", "reason", "helped"),
    [
        (["scor"], "'score'", "--help"),
        (["models", "expor"], "'export'", "models --help"),
        (["score", "films", "--lables", "folders"], "--labels", "score --help"),
        (["score", "films"], "--out", "score --help"),
        (["score", "films", "--out", "o.csv", "--concurrency", "65"], "64", "score --help"),
        (["predict", "film.png", "--activation-maps", "some"], "'layers'", "predict --help"),
        (["audit"], "--data", "audit --help"),
    ],
)
def test_a_wrong_call_is_one_line_that_names_the_next_step(arguments: list[str], reason: str, helped: str) -> None:
    """And status 2."""
    status, output, errors = call(*arguments)

    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert reason in errors
    assert errors.endswith(f"{helped}`.\n")


def test_without_a_command_there_is_the_help_and_status_2() -> None:
    status, output, _ = call()
    assert status == 2
    assert "site-report" in output


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_sentences_and_says_what_is_the_default(name: str) -> None:
    """A parameter is required, has a default that is printed, is a flag that is off, or says what its default is."""
    for parameter in COMMANDS[name].params:
        if parameter.name == "help" or getattr(parameter, "hidden", False):
            continue
        assert re.fullmatch(r"[A-Z-].*\.", parameter.help, re.DOTALL), (parameter.name, parameter.help)
        says = parameter.required or parameter.default is not None or "efault" in parameter.help
        assert says, (parameter.name, parameter.help)


@pytest.mark.parametrize(
    ("options", "command"),
    [
        (["--audit"], "audit"),
        (["--audit", "--copies", "films"], "audit"),
        (["--copies", "films"], "audit"),
        (["--report", "page"], "site-report"),
        (["--show-names"], "site-report"),
        (["--wanted-sensitivity", "0.9"], "site-report"),
    ],
)
def test_old_options_of_evaluate_name_the_command_that_they_are_now(
    options: list[str], command: str, tmp_path: Path
) -> None:
    """In a line of its own, before what else there is to say: here, that there are no films."""
    status, _, errors = call("evaluate", "--data", str(tmp_path), *options)

    assert status == 2
    assert errors.startswith(f"`evaluate --{'audit' if command == 'audit' else 'report'}` ")
    assert f"call `pneumoserve {command}`.\n" in errors
