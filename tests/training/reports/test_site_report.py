"""A hospital's page reports on its films, needs nothing from elsewhere, and names no film unasked."""

from __future__ import annotations

import csv
import json
import re
import shutil
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import pneumoserve
from app.inference.artifact import find_entry, open_verified
from app.inference.score_drift import SCORES_FILE
from app.names import LABELS
from tests.drawn import write_kaggle_layout
from training.data.films import read_films
from training.data.listing import list_films
from training.evaluate import report_site
from training.evaluation.drift import (
    Scores,
    measure_drift,
    read_validation_scores,
    write_validation_scores,
)
from training.evaluation.evaluation import Selection, open_evaluation
from training.reports.site_figures import choose_threshold
from training.reports.site_report import SiteReportOptions

FILMS = 30
SECTIONS = (
    "In plain words",
    "At each operating point",
    "ROC",
    "A threshold for this site",
    "Calibration",
    "Scores beside the training site's",
    "What would be referred",
    "The most confident mistakes",
    "Limits",
    "What was measured",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory, tiny_store):
    """A store with a model that refers; a hospital's films, one unreadable; the logits."""
    folder = tmp_path_factory.mktemp("site")
    write_kaggle_layout(folder / "films", FILMS, films_per_patient=1)
    (folder / "films" / "train" / "NORMAL" / "broken.jpeg").write_bytes(b"no film")
    shutil.copytree(tiny_store, folder / "store")
    entry = find_entry(folder / "store", "pooled")
    films = read_films(list_films(folder / "films", "train"), width=150, height=150)
    logits = open_verified(entry).logits(films.pixels)
    middle = float(np.median(logits))
    manifest = json.loads((entry.folder / "model.json").read_text())
    manifest["operating_points"]["balanced"] = middle
    manifest["refer_band"] = {"low": middle - 1e-4, "high": middle + 1e-4}
    (entry.folder / "model.json").write_text(json.dumps(manifest))
    return folder, entry.folder, films, logits


def write_page(site, out, split="train", store=None, model="pooled", **wanted):
    selection = Selection(site[0] / "films", store or site[0] / "store", model, split=split)
    report_site(open_evaluation(selection, Console(quiet=True)), SiteReportOptions(out, **wanted))
    return (out / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(site, tmp_path_factory):
    """The page of a model whose validation films scored as these do."""
    out = tmp_path_factory.mktemp("page") / "new"
    write_validation_scores(site[1], site[3], site[2].labels)
    return write_page(site, out), out


class Links(HTMLParser):
    """A page's tags and addresses."""

    def __init__(self, text):
        super().__init__()
        self.found, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        names = {"src", "href", "srcset", "data", "action", "poster", "xlink:href", "background", "style"}
        self.found += [value for name, value in attrs if name in names]


def test_page_needs_nothing_from_elsewhere(page):
    """Pictures are data; no script, link, import or address."""
    text, _ = page
    links = Links(text)
    assert links.found
    assert all(re.match(r"data:image/(jpeg|svg\+xml);base64,", link) for link in links.found)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(links.tags)
    assert not re.search(r"https?:|url\(|@import|//[a-z]", re.sub(r'"data:[^"]*"', "", text))


@pytest.mark.long
def test_plots_are_titled_and_come_out_alike(page, site, tmp_path):
    """SVG with text as text; the same films give the same bytes, undated."""
    plots = re.findall(r'<img class="plot" src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)">', page[0])
    titles = [title for _, title in plots]
    assert titles == [
        "ROC curve with the operating points",
        "Calibration plot",
        *(f"Scores of films labelled {label}" for label in LABELS),
    ]
    for data, title in plots:
        drawn = b64decode(data).decode()
        assert f"<title>{title}</title>" in drawn
        assert "</text>" in drawn
        assert "<dc:date>" not in drawn
    assert [data for data, _ in plots] == re.findall(r"svg\+xml;base64,([^\"]+)", write_page(site, tmp_path))


def test_what_a_model_says_of_itself_is_escaped(site, tmp_path):
    path = site[1] / "model.json"
    kept = path.read_text()
    path.write_text(json.dumps(json.loads(kept) | {"intended_use": "<script>1 & 2</script>"}))
    text = write_page(site, tmp_path)
    path.write_text(kept)
    assert "<li>&lt;script&gt;1 &amp; 2&lt;/script&gt;</li>" in text


def test_page_has_every_section(page):
    """In order, after the sentence that it is no medical device."""
    text, _ = page
    places = [text.index(f"<h2>{title}") for title in SECTIONS]
    assert places == sorted(places)
    assert text.index("Not a medical device") < places[0]
    for words in ("@media print", "AUC", "pooled/1", "ECE", "PPV", "1 × ", "pneumoserve site-report --data films"):
        assert words in text


def test_page_shows_mistakes_with_their_maps(page, site):
    """Two pictures each, at most six of each kind, with the true count."""
    text, _ = page
    said = site[3] >= np.median(site[3])
    labels = site[2].labels
    for title, wrong in (("False alarms", said & (labels == 0)), ("Missed pneumonias", ~said & (labels == 1))):
        assert f"{title}: {wrong.sum()}" in text
    shown = min(6, int(np.sum(said & (labels == 0)))) + min(6, int(np.sum(~said & (labels == 1))))
    assert shown > 0
    assert text.count("<figure>") == shown
    assert text.count("data:image/jpeg") == 2 * shown


def test_mistakes_are_shown_whatever_the_gate_says_of_them(site, gated_store, tmp_path):
    """The report is about the model: a film that the service would refuse is no reason to write none."""
    text = write_page((site[0], None, *site[2:]), tmp_path, store=gated_store, model="gated")
    assert text.count("<figure>") > 0


def test_page_names_no_film_but_its_index_does(page, site):
    """The index stays in the house, and lists the unreadable file."""
    text, out = page
    names = [path.split("/")[1] for path in site[2].paths] + ["broken.jpeg"]
    assert not [name for name in names if name in text]
    with (out / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == [*site[2].paths, "NORMAL/broken.jpeg"]
    assert [row["film"] for row in rows] == [*map(str, range(1, 2 * FILMS + 1)), ""]
    assert rows[-1]["error"]


def test_names_stand_on_the_page_where_they_are_asked_for(site, tmp_path):
    text = write_page(site, tmp_path, show_names=True)
    number, name = re.search(r"<strong>Film (\d+)</strong> · ([^<]+)<br>", text).groups()
    assert site[2].paths[int(number) - 1] == name


def test_drift_verdict_flips_with_shifted_scores(page, site, tmp_path):
    """The same films beside other scores, and beside none."""
    assert "No drift was seen" in page[0]
    scores = site[1] / SCORES_FILE
    kept = scores.read_text()
    write_validation_scores(site[1], site[3] + 3 * site[3].std(), site[2].labels)
    shifted = write_page(site, tmp_path / "shifted")
    scores.unlink()
    unknown = write_page(site, tmp_path / "unknown")
    scores.write_text(kept)
    assert "Your films score differently" in shifted
    assert "films score lower (a strong shift)" in shifted
    assert "No comparison is possible" in unknown


@pytest.mark.parametrize(
    "films", [6, pytest.param(20, marks=pytest.mark.long), 40, pytest.param(200, marks=pytest.mark.long)]
)
def test_small_samples_do_not_cry_wolf(films):
    """Without drift, at most about one page in twenty reports it; under 20 patients none."""
    rng = np.random.default_rng(1)

    def draw(normal, pneumonia):
        logits = np.r_[rng.normal(-2, 1.5, normal), rng.normal(3, 2, pneumonia)]
        return Scores(logits, np.r_[np.zeros(normal, int), np.ones(pneumonia, int)], np.arange(normal + pneumonia))

    training = draw(200, 580)
    verdicts = [{found.verdict for found in measure_drift(training, draw(films, films))} for _ in range(200)]
    alarms = sum(bool(seen & {"slight", "moderate", "strong"}) for seen in verdicts)
    assert alarms <= (0 if films < 20 else 16)
    assert all(seen == {"too few"} for seen in verdicts) == (films < 20)


def test_many_films_of_few_patients_do_not_cry_wolf():
    """Ten copies of thirty films say what thirty films say."""
    rng = np.random.default_rng(2)
    training = Scores(rng.normal(0, 1, 400), np.zeros(400, int), np.arange(400))
    alone = [rng.normal(0, 1, 30) for _ in range(100)]
    copied = [Scores(np.repeat(logits, 10), np.zeros(300, int), np.repeat(np.arange(30), 10)) for logits in alone]
    assert sum(measure_drift(training, here)[0].verdict != "no drift" for here in copied) <= 8


def test_validation_scores_are_read_as_written(tmp_path):
    """Patients are numbered anew; another file is none."""
    write_validation_scores(tmp_path, np.array([0.5, -1.25], np.float32), np.array([1, 0]), np.array([70, 3]))
    scores = read_validation_scores(tmp_path)
    assert [scores.logits.tolist(), scores.labels.tolist(), scores.groups.tolist()] == [[0.5, -1.25], [1, 0], [1, 0]]
    (tmp_path / SCORES_FILE).write_text('{"logits": [1], "labels": [1, 0]}')
    assert read_validation_scores(tmp_path) is None


@pytest.mark.parametrize("wanted", [0.05, 0.5, 0.9, 0.95, 1.0])
def test_wanted_sensitivity_is_reached_by_the_highest_threshold(wanted):
    """The next film above it would be one too few; ties included."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 120).astype(np.uint8)
    logits = np.round(rng.normal(labels, 1), 1).astype(np.float32)
    threshold = choose_threshold(labels, logits, wanted)
    sick = logits[labels == 1]
    assert np.mean(sick >= threshold) >= wanted
    assert np.mean(sick > sick[sick >= threshold].min()) < wanted


@pytest.mark.long
def test_a_folder_of_one_class_has_its_page(site, tmp_path):
    """Metrics that need the other class are undefined."""
    folder = tmp_path / "films"
    shutil.copytree(site[0] / "films" / "train" / "NORMAL", folder / "NORMAL")
    selection = Selection(folder, site[0] / "store", "pooled")
    evaluation = open_evaluation(selection, Console(quiet=True), needs_both_classes=False)
    report_site(evaluation, SiteReportOptions(tmp_path / "out"))
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    for words in ("no films labelled PNEUMONIA", "Undefined: the films are of one class", "nothing to reach"):
        assert words in text


@pytest.mark.parametrize(
    "command", [["site-report", "--out"], pytest.param(["evaluate", "--report"], marks=pytest.mark.long)]
)
def test_the_command_writes_the_page(site, tmp_path, command):
    """Status 1 for the unreadable file. The old option writes it too, and names the command."""
    arguments = [*command, tmp_path, "--data", site[0] / "films", "--split", "train", "--model", "pooled"]
    arguments += ["--model-store", site[0] / "store", "--wanted-sensitivity", "0.8"]
    ended = CliRunner().invoke(pneumoserve.app, [*map(str, arguments)])
    assert ended.exit_code == 1
    is_old = command[0] == "evaluate"
    files = {"report.html", "index.csv"} | ({"metrics.json", "report.txt", "report.png"} if is_old else set())
    assert {path.name for path in tmp_path.iterdir()} == files
    assert ("call `pneumoserve site-report`" in ended.stderr) == is_old
    assert len(ended.stderr.splitlines()) == is_old
    assert "To find 80\N{NO-BREAK SPACE}% of the pneumonias" in (tmp_path / "report.html").read_text("utf-8")
    assert "Wrote report.html and index.csv into" in ended.stdout
