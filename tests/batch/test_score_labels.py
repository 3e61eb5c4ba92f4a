"""The true classes of films, and which films the metrics are made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from batch.errors import NothingNamed, UnusableResult
from batch.labels import LabelledRows
from batch.paths import Film
from batch.results import Row
from tests.batch.calls import Call, rows_of
from tests.batch.stand_in import StandIn


def report(*films: object) -> list[str]:
    """Return what is reported of films, each a key, perhaps with a hash and a row."""
    listed = [(film, None) if isinstance(film, str) else film for film in films]
    labelled = LabelledRows(Film(key, key) for key, *_ in listed)
    for key, sha256, *row in listed:
        labelled.add(Film(key, key), row[0] if row else Row(key, "NORMAL", 0.2), sha256)
    return labelled.report()


@pytest.mark.parametrize(
    ("folders", "printed"),
    [
        (["normal", "Pneumonia"], "2 labelled films: 1 NORMAL, 1 PNEUMONIA."),
        (["NORMAL", "PNEUMONIA/bacteria", "pneumonia/virus/2017"], "3 labelled films: 1 NORMAL, 2 PNEUMONIA."),
        (["x/NORMAL/pneumonia", "NORMAL"], "2 labelled films: 1 NORMAL, 1 PNEUMONIA."),
        (["PNEUMONIA/virus", "PNEUMONIA/normal"], "2 labelled films: 1 NORMAL, 1 PNEUMONIA."),
        (
            ["chest_xray/train/NORMAL", "chest_xray/chest_xray/train/PNEUMONIA"],
            "2 labelled films: 1 NORMAL, 1 PNEUMONIA.",
        ),
    ],
)
def test_the_nearest_folder_named_after_a_class_tells_it(folders: list[str], printed: str) -> None:
    """The nearest folder named after a class tells it, in any case and at any depth."""
    assert report(*(f"/data/{folder}/a.png" for folder in folders))[0] == printed


@pytest.mark.parametrize("stray", ["unsure/a.png", "a.png"])
def test_a_folder_that_holds_both_classes_is_of_none(stray: str) -> None:
    """A folder that holds both classes is of none, whatever its name."""
    printed = report(
        "/home/pneumonia/set/normal/a.png", "/home/pneumonia/set/pneumonia/a.png", f"/home/pneumonia/{stray}"
    )
    assert printed[:2] == [
        "2 labelled films: 1 NORMAL, 1 PNEUMONIA.",
        "Excluded: 1, in no folder named NORMAL or PNEUMONIA.",
    ]


def test_films_in_no_folder_of_a_class_are_a_wrong_call() -> None:
    with pytest.raises(NothingNamed, match="NORMAL and PNEUMONIA"):
        report("/data/NORMAL_2/a.png", "/data/NORMAL.png")


def test_byte_identical_films_count_once() -> None:
    """Byte-identical films count once, and the others are reported."""
    films = [("/d/NORMAL/a.png", "1"), ("/d/PNEUMONIA/b.png", "2")]
    copies = [("/d/d/NORMAL/a.png", "1"), ("/d/d/PNEUMONIA/b.png", "2"), ("/d/PNEUMONIA/c.png", "2")]
    alone, together = report(*films), report(*films, *copies)

    assert together.pop(1) == "Excluded: 3, byte-identical copies of films that are counted."
    assert alone == together


def test_a_failed_copy_does_not_stand_for_the_film() -> None:
    """A failed copy does not stand for the film that was scored."""
    printed = report(("/d/NORMAL/a.png", "1", Row("a", error="timeout")), ("/d/d/NORMAL/a.png", "1"))
    assert printed[:2] == ["1 labelled films: 1 NORMAL, 0 PNEUMONIA.", "Excluded: 1, failed."]


def test_the_same_bytes_in_both_classes_count_in_neither() -> None:
    """The same bytes in both classes count in neither: one of the two labels is wrong."""
    printed = report(("/d/NORMAL/a.png", "1"), ("/d/PNEUMONIA/b.png", "1"), ("/d/NORMAL/c.png", "2"))
    assert printed[:2] == [
        "1 labelled films: 1 NORMAL, 0 PNEUMONIA.",
        "Excluded: 2, with the same bytes in folders of both classes.",
    ]
    assert report(("/d/NORMAL/a.png", "1"), ("/d/PNEUMONIA/b.png", "1"))[0].startswith("0 labelled films")


def test_films_without_a_hash_are_no_copies() -> None:
    """Films without a hash are no copies of one another."""
    assert report("/d/NORMAL/a.png", "/d/NORMAL/b.png")[0] == "2 labelled films: 2 NORMAL, 0 PNEUMONIA."


def test_metrics_without_their_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first film is sent, not when all are scored."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UnusableResult, match=r"make install-train"):
        report("/data/NORMAL/a.png")


def test_labels_of_folders_end_with_the_metrics(
    call: Call, service: StandIn, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels of folders end with the metrics, and say which films are not in them."""
    service.plan[b"positive 3"] = [(422, "undecodable-image")]
    (films / "elsewhere.png").write_bytes(b"x")

    assert call(labels="folders") == 1
    printed = capsys.readouterr().out.splitlines()
    assert {
        "11 labelled films: 6 NORMAL, 5 PNEUMONIA.",
        "Excluded: 1, failed.",
        "Excluded: 1, in no folder named NORMAL or PNEUMONIA.",
    } <= set(printed)
    for beginning in ("auc          1.000", "sensitivity  1.000"):
        assert any(line.startswith(beginning) for line in printed)
    assert any("by patient" in line for line in printed)


def test_byte_identical_films_count_once_in_the_metrics(
    call: Call, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kaggle's archive holds a folder twice: its films are rows twice, and count once, after a second start too."""
    nested = films / "films/NORMAL"
    nested.mkdir(parents=True)
    for path in (films / "NORMAL").iterdir():
        (nested / path.name).write_bytes(path.read_bytes())

    for _ in range(2):
        assert call(labels="folders") == 0
        printed = capsys.readouterr().out
        assert "18 films scored" in printed
        assert "12 labelled films: 6 NORMAL, 6 PNEUMONIA." in printed
        assert "Excluded: 6, byte-identical copies of films that are counted." in printed


def test_a_set_that_lies_in_itself_once_more_counts_once(
    call: Call, service: StandIn, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set that lies in itself once more, as Kaggle's unpacks, has all its rows and counts once, resumed or not."""
    shutil.copytree(films, films / "films")
    (films / "__MACOSX/NORMAL").mkdir(parents=True)
    (films / "__MACOSX/NORMAL/._person0_virus_1.jpeg").write_bytes(b"\0\5\x16\7")
    service.plan[b"positive 3"] = [(500, "internal-error"), (500, "internal-error")]
    counted = ("11 labelled films: 6 NORMAL, 5 PNEUMONIA.", "12 labelled films: 6 NORMAL, 6 PNEUMONIA.")
    for status, line, copies in ((1, counted[0], 11), (0, counted[1], 12)):
        assert call(labels="folders") == status
        printed = capsys.readouterr()
        assert line in printed.out
        assert f"Excluded: {copies}, byte-identical copies" in printed.out
        assert "Passed over: 1 __MACOSX/." in printed.err
    assert len(rows_of(tmp_path / "out.csv")) == 24


def test_labels_without_labelled_folders_are_a_wrong_call(
    call: Call, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (films / "elsewhere").mkdir()
    (films / "elsewhere/a.png").touch()

    assert call(films / "elsewhere", labels="folders") == 2
    assert "NORMAL and PNEUMONIA" in capsys.readouterr().err
