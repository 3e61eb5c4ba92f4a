"""The page that `score --html` writes: every film of the run, errors first, for its owner alone."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batch.calls import Call, Start, refuse
from tests.batch.stand_in import StandIn
from tests.conftest import encode, film_pixels
from tests.html_pages import HtmlPage, watch_modes

Film = Callable[..., Path]


@pytest.fixture
def draw(service: StandIn, tmp_path: Path) -> Film:
    """Draw a film into a folder; the service answers with this probability and what else is given."""

    def draw(name: str, probability: float, folder: str = "f", **answer: object) -> Path:
        film = tmp_path / folder / name
        film.parent.mkdir(parents=True, exist_ok=True)
        film.write_bytes(encode(film_pixels(len(service.changes))))
        label = "PNEUMONIA" if probability >= 0.41 else "NORMAL"
        service.changes[film.read_bytes()] = {"class": label, "probability": probability, **answer}
        return film

    return draw


@pytest.fixture
def html(tmp_path: Path) -> Path:
    """Where the page lies."""
    return tmp_path / "page.html"


def test_errors_come_first_then_films_by_probability(
    start: Start, draw: Film, folder: Path, service: StandIn, html: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of equals, the first; errors with their sentence, a placeholder where there is no film to show."""
    for film in folder.iterdir():
        film.unlink()
    for name, probability in (("low", 0.1), ("high", 0.9), ("same", 0.9), ("middle", 0.5)):
        draw(f"{name}.jpeg", probability)
    (folder / "broken.jpeg").write_bytes(b"no film")
    refuse(service, b"no film")

    assert start(html=html)[0] == 1
    page = HtmlPage(html)
    names = [figure.lines[-1] for figure in page.figures]
    assert names == ["broken.jpeg", "high.jpeg", "same.jpeg", "middle.jpeg", "low.jpeg"]
    assert [figure.section for figure in page.figures] == ["errors", *["films"] * 4]
    assert page.figures[0].lines[1:3] == ["undecodable-image", "Expected better than undecodable-image."]
    assert page.figures[0].picture is None
    assert page.figures[0].lines[0].startswith("No picture: Expected the bytes of a JPEG")
    assert page.figures[1].lines[:2] == ["0.9000", "PNEUMONIA"]
    assert all(figure.picture.startswith("data:image/jpeg;base64,") for figure in page.figures[1:])
    assert "5: 4 scored, 1 failed; 0 marked refer" in page.texts
    assert f"Page: {html} (X-ray images and file names: keep it as you keep the films)" in capsys.readouterr().out


def test_a_film_to_refer_is_marked_in_words(start: Start, draw: Film, html: Path) -> None:
    """And has its own warnings; those of every answer stand at the top."""
    codes = [{"code": "limited-evidence", "detail": ""}]
    films = [draw("a.jpeg", 0.4, "g", refer=True, warnings=[*codes, {"code": "unusual-film", "detail": ""}])]
    films.append(draw("b.jpeg", 0.3, "g", warnings=codes))
    assert start(*films, html=html)[0] == 0
    page = HtmlPage(html)
    assert page.within("films") == [
        ["0.4000", "NORMAL", "refer", "warnings: unusual-film", "a.jpeg"],
        ["0.3000", "NORMAL", "b.jpeg"],
    ]
    assert page.texts[page.texts.index("Warnings of every answer") + 1] == "limited-evidence"
    assert "2: 2 scored, 0 failed; 1 marked refer" in page.texts


def test_the_page_is_its_owners_alone_and_says_what_it_holds(start: Start, tmp_path: Path) -> None:
    """From its first byte, whatever the umask, and in place of a file that all may read."""
    html = tmp_path / "pages" / "page.html"
    html.parent.mkdir()
    html.write_text("old")
    html.chmod(0o666)
    before = os.umask(0)
    try:
        with watch_modes(html.parent) as modes:
            start(html=html)
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert stat.S_IMODE(html.stat().st_mode) == 0o600
    texts = HtmlPage(html).texts
    assert texts.index("This page holds X-ray images and file names.") < texts.index("Films scored by drawn/1", 1)
    assert list(html.parent.iterdir()) == [html]


def test_foreign_text_stays_text(start: Start, draw: Film, service: StandIn, html: Path) -> None:
    """Names and what the service says: tags, quotes, undecodable bytes, signs that turn the direction of writing."""
    names = [
        "<script>alert(1)<.jpeg",
        '"><img src=x>.jpeg',
        os.fsdecode(b"caf\xe9.jpeg"),
        "\u202egpj.jpeg",
        "{{ 7 }}.jpeg",
    ]
    for number, name in enumerate(names):
        draw(name, 0.9 - number / 10, "g", warnings=[{"code": f"<i>{number}\ud800", "detail": ""}])
    (html.parent / "g/<b>.jpeg").write_bytes(b"x")
    service.plan[b"x"] = [(422, "<s>")]
    start(html.parent / "g", html=html)

    page = HtmlPage(html)
    shown = [names[0], names[1], r"caf\xe9.jpeg", r"\u202egpj.jpeg", names[4]]
    assert [lines[-1] for lines in page.within("films")] == shown
    assert [lines[-2] for lines in page.within("films")] == [rf"warnings: <i>{number}\ud800" for number in range(5)]
    assert page.within("errors")[0][1:] == ["<s>", "Expected better than <s>.", "<b>.jpeg"]
    assert not page.tags & {"script", "i", "b", "s"}


def test_the_page_needs_nothing_from_elsewhere(call: Call, draw: Film, html: Path) -> None:
    """Pictures are data, links stay on the page, there is no script, and a policy forbids all else."""
    draw("a.jpeg", 0.9, "films/NORMAL")
    assert call(html=html, labels="folders") == 0
    page = HtmlPage(html)
    assert {
        address for address in page.addresses if not re.match(r"#[a-z]+$|data:image/(jpeg|svg\+xml);base64,", address)
    } == set()
    assert not page.tags & {"script", "link", "iframe", "object", "base", "form"}
    text = html.read_text("utf-8")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert not re.search(r"https?:|url\(|@import|//[a-z]", re.sub(r'"data:[^"]*"', "", text))


def test_the_page_of_a_resumed_run_holds_all_its_films(
    start: Start, draw: Film, service: StandIn, folder: Path, html: Path
) -> None:
    """Of an earlier start, of this one, and those that were not sent; the next start holds them all again."""
    start(html=html)
    draw("d.jpeg", 0.7)
    service.plan[(folder / "d.jpeg").read_bytes()] = ["drop"] * 9
    start(html=html)
    page = HtmlPage(html)
    assert [lines[-1] for lines in page.within("films")] == ["a.png", "b.png", "c.png"]
    assert [lines[-1] for lines in page.within("errors")] == ["d.jpeg"]
    service.plan.clear()
    start(html=html)
    html.unlink()
    assert start(html=html) == (0, [])
    assert [lines[-1] for lines in HtmlPage(html).within("films")] == ["d.jpeg", "a.png", "b.png", "c.png"]


def test_a_service_that_went_away_leaves_a_page_of_all_films(start: Start, service: StandIn, html: Path) -> None:
    """Those that were not sent are errors."""

    def go_away(_: bytes) -> str | None:
        if len(service.received) == 1:
            service.stop()
        return None if len(service.received) == 1 else "drop"

    service.on_film = go_away
    assert start(html=html, concurrency=1, url=service.url)[0] == 1
    page = HtmlPage(html)
    assert (len(page.within("films")), len(page.within("errors"))) == (1, 2)
    assert any(lines[1] == "not-sent" for lines in page.within("errors"))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_the_page_goes_with_every_format_and_a_list(
    start: Start, folder: Path, html: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list comes on standard input."""
    paths = "".join(f"{path}\n" for path in sorted(folder.iterdir())).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(paths)))
    out = html.with_name(f"r{ending}")
    assert start(Path("-"), out=out, html=html)[0] == 0
    assert [lines[-1] for lines in HtmlPage(html).within("films")] == ["a.png", "b.png", "c.png"]
    assert out.is_file()


def test_a_film_that_is_gone_keeps_its_answer_and_has_no_picture(start: Start, folder: Path, html: Path) -> None:
    """Nor has a pipe, which is not read."""
    os.mkfifo(folder / "pipe.png")
    films = [folder / name for name in ("a.png", "b.png", "c.png", "pipe.png")]
    start(*films)
    (folder / "a.png").unlink()
    start(*films, html=html)
    page = HtmlPage(html)
    assert page.within("films")[0] == ["No picture: No such file or directory", "0.1000", "NORMAL", "a.png"]
    assert page.within("errors")[0][0] == "No picture: It is no file"


def test_a_long_run_shows_the_highest_probabilities_and_says_how_many_are_left_out(
    start: Start, draw: Film, service: StandIn, html: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.page.MOST_FILMS", 2)
    monkeypatch.setattr("batch.page.MOST_ERRORS", 1)
    for number in range(5):
        draw(f"{number}.jpeg", number / 10, "g")
    for number in range(3):
        (html.parent / f"g/x{number}.jpeg").write_bytes(b"x")
    refuse(service, b"x")
    start(html.parent / "g", html=html, concurrency=1)
    page = HtmlPage(html)
    assert [lines[-1] for lines in page.within("films")] == ["4.jpeg", "3.jpeg"]
    assert [lines[-1] for lines in page.within("errors")] == ["x0.jpeg"]
    assert "The 2 of the highest probability are shown; 3 are left out." in page.texts
    assert "The first 1 are shown; 2 are left out." in page.texts
    assert "undecodable-image: 3." in page.texts


def test_with_labels_it_shows_metrics_and_the_most_confident_mistakes(
    call: Call, draw: Film, films: Path, html: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metrics that are printed; false alarms by falling, missed pneumonias by rising probability."""
    for name, probability in (("a", 0.5), ("b", 0.9), ("c", 0.7)):
        draw(f"{name}.jpeg", probability, "films/NORMAL", refer=name == "c")
    for name, probability in (("d", 0.3), ("e", 0.05)):
        draw(f"{name}.jpeg", probability, "films/PNEUMONIA")
    (films / "PNEUMONIA" / "copy.jpeg").write_bytes((films / "PNEUMONIA" / "e.jpeg").read_bytes())
    assert call(html=html, labels="folders") == 0

    page, printed = HtmlPage(html), capsys.readouterr().out
    assert page.within("mistakes") == [
        ["0.9000", "PNEUMONIA", "labelled NORMAL", "NORMAL/b.jpeg"],
        ["0.7000", "PNEUMONIA", "refer", "labelled NORMAL", "NORMAL/c.jpeg"],
        ["0.5000", "PNEUMONIA", "labelled NORMAL", "NORMAL/a.jpeg"],
        ["0.0500", "NORMAL", "labelled PNEUMONIA", "PNEUMONIA/copy.jpeg"],
        ["0.3000", "NORMAL", "labelled PNEUMONIA", "PNEUMONIA/d.jpeg"],
    ]
    assert len(page.within("films")) == 18
    for line in re.findall(r"^(?:\d+ labelled|Excluded:|95 % bootstrap).*", printed, re.MULTILINE):
        assert line in page.texts
    assert "Excluded: 1, byte-identical copies of films that are counted." in page.texts
    metrics = re.findall(r"^\w+ +([\d.]+)  \[([\d.]+), ([\d.]+)\]$", printed, re.MULTILINE)
    assert len(metrics) == 7
    for value, low, high in metrics:
        at = [number for number, text in enumerate(page.texts) if text == value]
        assert f"({low} to {high})" in [page.texts[number + 1] for number in at]
    assert {"6 / 3", "2 / 6", "balanced: PNEUMONIA from a probability of 0.410000"} <= set(page.texts)
    assert html.read_text("utf-8").count('<img class="plot" src="data:image/svg+xml;base64,') == 2


def test_labels_of_films_that_all_failed_leave_the_contact_sheet(call: Call, service: StandIn, html: Path) -> None:
    service.on_film = lambda _: (422, "undecodable-image")
    assert call(html=html, labels="folders") == 1
    page = HtmlPage(html)
    assert len(page.within("errors")) == 12
    assert "ROC" not in page.texts


@pytest.mark.parametrize("name", ["page.txt", "page", "nowhere/page.html", "folder.html"])
def test_a_page_that_cannot_be_written_is_refused_before_a_film_is_sent(
    start: Start, out: Path, html: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (html.parent / "folder.html").mkdir()
    assert start(html=html.parent / name) == (2, [])
    assert re.match(r"Expected --html to .* Received: .*\.\n", capsys.readouterr().err)
    assert list(html.parent.glob(f"{out.name}*")) == []


def test_a_page_without_its_extra_says_what_to_install(
    start: Start, html: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a film is sent; without a page nothing of it is needed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert start(html=html) == (2, [])
    printed = capsys.readouterr().err
    assert printed == "--html needs Jinja2, Matplotlib and scikit-learn. Run `make install-train`, or leave it out.\n"
    assert start()[0] == 0
