"""The page that `evaluate --html` writes, and how its file and pictures are made."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import pneumoserve
from app.errors import InvalidParameter
from app.inference.artifact import find_entry, open_verified
from tests.conftest import encode, film_pixels
from tests.drawn import write_kaggle_layout
from tests.html_pages import HtmlPage, watch_modes
from training.data.films import Films, read_films
from training.data.listing import list_films
from training.reports.private_page import check_page, write_page
from training.reports.thumbnails import make_thumbnails

FILMS = 20


class Evaluated(NamedTuple):
    """A folder of drawn films with an evaluation of them, one unreadable; the films, their logits, the threshold.

    `modes`: of the page, observed while it was written.
    """

    folder: Path
    ended: Result
    films: Films
    logits: np.ndarray
    threshold: float
    modes: set[int]

    @property
    def page(self) -> HtmlPage:
        return HtmlPage(self.folder / "page.html")


def evaluate(data: Path, store: Path, html: Path, *more: str) -> Result:
    """Call the command."""
    arguments = ["--data", data, "--model-store", store, "--out", html.parent / "out", "--html", html, *more]
    return CliRunner().invoke(pneumoserve.app, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, tiny_store: Path) -> Evaluated:
    """Evaluated by the command, whatever the umask."""
    folder = tmp_path_factory.mktemp("evaluated")
    write_kaggle_layout(folder / "films", FILMS, films_per_patient=1)
    data = folder / "films" / "train"
    (data / "NORMAL" / os.fsdecode(b"IM-<b>\xe9.jpeg")).write_bytes(encode(film_pixels(1)))
    (data / "NORMAL" / "<i>.jpeg").write_bytes(b"no film")
    entry = find_entry(tiny_store, "pooled")
    films = read_films(list_films(data), width=150, height=150)
    before = os.umask(0)
    with watch_modes(folder) as modes:
        ended = evaluate(data, tiny_store, folder / "page.html")
    os.umask(before)
    threshold = entry.manifest.operating_points["balanced"]
    return Evaluated(folder, ended, films, open_verified(entry).logits(films.pixels), threshold, modes)


def test_the_page_shows_the_most_confident_mistakes(evaluated: Evaluated) -> None:
    """False alarms by falling, missed pneumonias by rising logit, twelve of each at most; names are text."""
    films, logits, threshold = evaluated.films, evaluated.logits, evaluated.threshold
    wrong = (logits >= threshold) != (films.labels == 1)
    assert 0 < wrong.sum() < len(films)
    names = [path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for path in films.paths]
    expected = []
    for label in (0, 1):
        found = np.flatnonzero(wrong & (films.labels == label))
        expected += [names[index] for index in found[np.argsort((2 * label - 1) * logits[found])]][:12]
    page = evaluated.page
    assert [lines[-1] for lines in page.within("mistakes")] == expected
    assert all(figure.picture for figure in page.figures if figure.section == "mistakes")
    for label, words in ((0, "False alarms, labelled NORMAL"), (1, "Missed, labelled PNEUMONIA")):
        assert any(text.startswith(f"{words}: {np.sum(wrong & (films.labels == label))}") for text in page.texts)
    assert not page.tags & {"b", "i", "script"}


def test_the_page_shows_the_metrics_that_are_printed(evaluated: Evaluated) -> None:
    """At every operating point, with both plots; the unreadable file with its reason."""
    page = evaluated.page
    assert {"half", "balanced (default)", "ROC", "Calibration"} <= set(page.texts)
    rows = [line.split("│")[1:4] for line in evaluated.ended.stdout.splitlines() if line.startswith("│")]
    assert len(rows) == 7
    for name, value, interval in rows:
        at = page.texts.index(name.strip())
        assert [value.strip(), interval.strip()] == page.texts[at + 3 : at + 5]
    assert page.within("errors")[0][1] == "unreadable"
    assert page.within("errors")[0][-1] == "NORMAL/<i>.jpeg"
    assert sum(address.startswith("data:image/svg+xml") for address in page.addresses) == 2


def test_the_page_is_its_owners_alone_and_says_so(evaluated: Evaluated) -> None:
    """From its first byte. Results and status are as without it: 1 for the unreadable file."""
    html = evaluated.folder / "page.html"
    assert evaluated.modes == {0o600}
    assert evaluated.ended.exit_code == 1
    assert stat.S_IMODE(html.stat().st_mode) == 0o600
    assert "This page holds X-ray images and file names." in evaluated.page.texts[:3]
    assert f"Page: {html} (X-ray images and file names" in evaluated.ended.stdout
    assert {path.name for path in (evaluated.folder / "out").iterdir()} == {"metrics.json", "report.txt", "report.png"}


def test_a_page_that_cannot_be_written_is_refused_before_a_film_is_read(tmp_path: Path, tiny_store: Path) -> None:
    ended = evaluate(tmp_path / "no films", tiny_store, tmp_path / "nowhere" / "page.html")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Expected --html to be a file in a writable folder. Received: ")


def test_a_page_that_breaks_off_leaves_the_old_one_whole(tmp_path: Path) -> None:
    """And nothing else."""
    page = tmp_path / "page.html"
    write_page(page, "old")
    with pytest.raises(UnicodeEncodeError):
        write_page(page, "new" * 100_000 + "\ud800")
    assert [page.read_text(), list(tmp_path.iterdir())] == ["old", [page]]


def test_a_page_takes_the_place_of_a_link_not_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("mine")
    (tmp_path / "page.html").symlink_to("diary")
    check_page(tmp_path / "page.html")
    write_page(tmp_path / "page.html", "page")
    assert (tmp_path / "diary").read_text() == "mine"
    assert not (tmp_path / "page.html").is_symlink()


def test_no_page_takes_the_place_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "page.html")
    with pytest.raises(InvalidParameter, match="to be a file"):
        check_page(tmp_path / "page.html")


@pytest.mark.parametrize(("height", "width"), [(300, 400), (400, 300), (90, 120)])
def test_a_thumbnail_keeps_the_films_proportions(tmp_path: Path, height: int, width: int) -> None:
    """Its longer side has so many pixels at most; a smaller film is not enlarged."""
    film = tmp_path / "film.png"
    film.write_bytes(encode(film_pixels(1, height, width), ".png"))
    (made,) = make_thumbnails([str(film)], 160)
    pixels = cv2.imdecode(np.frombuffer(made.jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (made.height, made.width)
    expected = {(300, 400): (120, 160), (400, 300): (160, 120), (90, 120): (90, 120)}[height, width]
    assert pixels.shape == expected
    shrunk = cv2.resize(film_pixels(1, height, width), expected[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(pixels.astype(int) - shrunk).mean() < 3


def test_a_film_without_a_thumbnail_says_why(tmp_path: Path) -> None:
    """A pipe is not read; none of them ends the page."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "cut.jpg").write_bytes(encode(film_pixels())[:3000])
    (tmp_path / "huge.png").touch()
    os.truncate(tmp_path / "huge.png", 2**26 + 1)
    names = ["gone", "pipe", "cut.jpg", "huge.png", "a\0b"]
    reasons = [made.reason for made in make_thumbnails([str(tmp_path / name) for name in names], 160)]
    assert reasons[:2] == ["No such file or directory", "It is no file"]
    assert reasons[2].startswith("Expected a whole JPEG")
    assert reasons[3:] == ["It has more than 64 MiB", "embedded null byte"]


def test_mistakes_are_larger_than_thumbnails(evaluated: Evaluated) -> None:
    """They are looked at."""
    address = next(figure.picture for figure in evaluated.page.figures if figure.picture)
    data = base64.b64decode(address.partition("base64,")[2])
    assert 160 < max(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED).shape) <= 320
