"""The service of another commit and today's in turns, beside today's bare loop."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks.cases import our_case
from benchmarks.checks import FLOORS, MOST_TAIL
from benchmarks.films import ROOT, STORE
from benchmarks.limit import bare_loop
from benchmarks.load import Form, Load
from benchmarks.results import Check, Results
from benchmarks.service import LOOP
from benchmarks.turns import Bench, Entrant

FORMS: tuple[Form, ...] = ("raw", "multipart")
TODAY = "today"


@contextmanager
def checked_out(commit: str, repository: Path = ROOT) -> Iterator[Path]:
    """Check a commit out into a temporary worktree, removed afterwards; RuntimeError where git does not know it."""
    with tempfile.TemporaryDirectory(prefix="pneumoserve-") as folder:
        tree = Path(folder) / "tree"
        _git(repository, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git(repository, "worktree", "remove", "--force", str(tree))


def _git(repository: Path, *arguments: str) -> None:
    command = ["git", "-C", str(repository), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if ended.returncode:
        raise RuntimeError(f"Expected `{' '.join(command)}` to succeed. {ended.stderr.strip()}")


def measure_against(bench: Bench, commit: str, tree: Path, model: str | None) -> None:
    """Measure one round of a commit, checked out at `tree`, and today's; `model` None: each its default."""
    then = our_case(find_entry(tree / "model_store", model), name=commit, cwd=tree)
    today = our_case(find_entry(STORE, model), name=TODAY)
    with (
        bare_loop(bench.listing, today.entry.label, granted_cores()) as loop,
        bench.standing(then) as old,
        bench.standing(today) as new,
    ):
        for form in FORMS:
            pair = [Entrant(row(form, case.name), server, Load(form)) for case, server in ((then, old), (today, new))]
            bench.compare(loop, LOOP, pair)


def row(form: Form, name: str) -> str:
    """Return the name of a row."""
    return f"{form}: {name}"


def add_ratios(results: Results, commit: str) -> None:
    """Add a row `today ÷ commit` below each pair of rows."""
    order = [LOOP]
    for form in FORMS:
        ratio = row(form, f"{TODAY} ÷ {commit}")
        results.add_ratio(ratio, row(form, TODAY), row(form, commit))
        order += [row(form, commit), row(form, TODAY), ratio]
    results.rows = {name: results.rows[name] for name in order}


def checks_against(results: Results, commit: str) -> list[Check]:
    """Return what is promised of today's service, and what each turn gave."""
    checks = []
    for form in FORMS:
        then, today, ratio = (row(form, name) for name in (commit, TODAY, f"{TODAY} ÷ {commit}"))
        checks += [
            Check(f"{today}, films/s ÷ bare loop", results.each(today, "of_loop"), at_least=FLOORS[form]),
            Check(f"{then}, films/s ÷ bare loop", results.each(then, "of_loop")),
            Check(f"{ratio}, films/s", results.each(ratio, "per_second")),
            Check(f"{ratio}, CPU ms per film", results.each(ratio, "cpu_ms")),
            Check(f"{today}, p99 ÷ median", results.each(today, "tail"), at_most=MOST_TAIL),
            Check(f"{ratio}, 99th percentile of /livez", results.each(ratio, "livez_p99_ms"), at_most=1),
        ]
    return checks
