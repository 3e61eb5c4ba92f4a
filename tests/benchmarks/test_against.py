"""Another commit is served from a checkout of its own, which is gone afterwards."""

import subprocess

import pytest

from benchmarks.against import add_ratios, checked_out, checks_against, row
from benchmarks.results import Results


def git(folder, *arguments):
    settings = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    command = ["git", "-C", folder, *settings, *arguments]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for version in ("old", "new"):
        (folder / "version").write_text(version)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", version)
    return folder


def test_a_commit_is_checked_out_beside_todays_and_removed(repository):
    with checked_out("HEAD~1", repository) as tree:
        assert (tree / "version").read_text() == "old"
        assert (repository / "version").read_text() == "new"
    assert not tree.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_it_is_removed_where_the_measurement_fails(repository):
    with pytest.raises(KeyError), checked_out("HEAD~1", repository) as tree:
        raise KeyError
    assert not tree.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_commit_that_git_does_not_know_is_an_error_that_names_it(repository):
    with pytest.raises(RuntimeError, match="0123abc"), checked_out("0123abc", repository):
        pass


def test_the_two_stand_side_by_side_and_todays_are_checked():
    results = Results()
    for form in ("raw", "multipart"):
        for name, per_second in (("old", 100), ("today", 86)):
            figures = {"per_second": per_second, "of_loop": per_second / 100, "livez_p99_ms": per_second}
            results.add(row(form, name), **figures)
    results.add("bare loop", per_second=100)
    add_ratios(results, "old")
    assert list(results.rows)[:4] == ["bare loop", "raw: old", "raw: today", "raw: today ÷ old"]
    lines = "\n".join(map(str, checks_against(results, "old")))
    assert "[x] raw: today, films/s ÷ bare loop: **0.86**" in lines
    assert "[x] raw: today ÷ old, 99th percentile of /livez: **0.86**" in lines
