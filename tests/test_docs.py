"""The documents: their links lead somewhere, and they name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.api.problems import INTERNAL_ERROR, METHOD_NOT_ALLOWED, NOT_FOUND, PROBLEMS

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
MOST_WORDS = 900


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    """Links and pictures."""
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text)
    inside = [target for target in targets if "://" not in target]
    assert [target for target in inside if not (ROOT / page.parent / target).exists()] == []


def test_the_readme_is_short() -> None:
    """What takes longer has a page of its own."""
    assert len((ROOT / "README.md").read_text().split()) <= MOST_WORDS


def test_every_problem_is_documented() -> None:
    """With its status."""
    documented = set(
        re.findall(r"^\| (\d{3}) \| `([a-z-]+)`", (ROOT / "docs" / "problems.md").read_text(), re.MULTILINE)
    )
    problems = [*PROBLEMS.values(), INTERNAL_ERROR, NOT_FOUND, METHOD_NOT_ALLOWED]
    assert documented == {(str(problem.status), problem.slug) for problem in problems}
