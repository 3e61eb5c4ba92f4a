"""How tests call the command, and what they read of its results."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from batch.paths import Found, find_films
from batch.retry import RetryPolicy
from tests.batch.stand_in import StandIn

QUICK = RetryPolicy(attempts=3, patience=1.0, refused=0.3, shortest=0.01, longest=0.05)
Call = Callable[..., int]
Start = Callable[..., tuple[int, list[str]]]


def rows_of(out: Path) -> list[str]:
    """Return the lines of a CSV without its header."""
    return out.read_text(encoding="utf-8").splitlines()[1:]


def answers(out: Path) -> dict[str, str]:
    """Return class or error of every film in a result, by name."""
    with out.open(newline="", encoding="utf-8") as file:
        return {row["path"].rpartition("/")[2]: row["class"] or row["error"] for row in csv.DictReader(file)}


def known(out: Path) -> dict[str, dict[str, Any]]:
    """Return the films of the file beside a finished result, by name."""
    lines = [json.loads(line) for line in out.with_name("r.csv.films").read_text().splitlines()]
    return {line["path"].rpartition("/")[2]: line for line in lines[1:]}


def refuse(service: StandIn, film: bytes, slug: str = "undecodable-image") -> None:
    """Let the service refuse a film for what it is, whenever it comes."""
    service.plan[film] = [(422, slug)] * 9


def named(arguments: Iterable[object]) -> list[str]:
    """Return the paths that a call names."""
    return [film.path for film in find(*arguments).films]


def find(*arguments: object) -> Found:
    """Find what a call names."""
    return find_films([str(argument) for argument in arguments])
