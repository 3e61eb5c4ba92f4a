"""The true classes of films, and which films the metrics are made of."""

from __future__ import annotations

import pytest

from batch.errors import NothingNamed, UnusableResult
from batch.labels import LabelledRows
from batch.paths import Film
from batch.results import Row


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
