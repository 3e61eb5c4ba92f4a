"""A card says what the files beside it say, each time the same."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pneumoserve
from app.errors import PneumoServeError
from app.inference.artifact import list_entries
from training.reports.card import render_card, write_card

STORE = Path(__file__).parents[3] / "model_store"
BUNDLED = list_entries(STORE)
SECTIONS = {
    "sections": [
        {"title": "Shortcuts", "text": "Shortcut features.", "columns": ["Who", "AUC"], "rows": [["a|b", 0.71]]}
    ]
}


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A copy of a bundled entry."""
    return Path(shutil.copytree(STORE / "article-cnn" / "1", tmp_path / "article-cnn" / "1"))


@pytest.mark.parametrize("label", BUNDLED)
def test_the_card_of_a_bundled_model_is_what_its_files_say(label: str) -> None:
    """Else `pneumoserve models card` writes it anew."""
    assert (STORE / label / "MODEL_CARD.md").read_text() == render_card(STORE / label)


def test_the_command_writes_the_card_anew(entry: Path) -> None:
    """From the files beside it; an absent model is refused."""
    before = (entry / "MODEL_CARD.md").read_text()
    (entry / "MODEL_CARD.md").write_text("edited")
    store = ["--model-store", str(entry.parents[1])]
    done = CliRunner().invoke(pneumoserve.app, ["models", "card", "article-cnn/1", *store])
    assert done.exit_code == 0
    assert (entry / "MODEL_CARD.md").read_text() == before
    assert CliRunner().invoke(pneumoserve.app, ["models", "card", "article-cnn/9", *store]).exit_code == 2


def test_an_audit_and_outside_films_are_shown_where_they_are_there(entry: Path) -> None:
    """Each section in its place, as a table with plots, or named as missing."""
    for name in ("audit.json", "outside.json"):
        (entry / name).unlink(missing_ok=True)
    without = render_card(entry)
    assert "`pneumoserve evaluate` makes it" in without
    assert "None was shown to this model" in without
    (entry / "audit.json").write_text(json.dumps(SECTIONS))
    (entry / "outside.json").write_text(json.dumps(SECTIONS | {"more": 1}))
    (entry / "audit_views.png").write_bytes(b"")
    write_card(entry)
    card = (entry / "MODEL_CARD.md").read_text()
    audit = card.split("## Audit")[1].split("## Outside data")[0]
    assert "### Shortcuts\n\nShortcut features.\n\n| Who | AUC |\n| --- | --- |\n| a\\|b | 0.71 |" in audit
    assert "![audit_views.png](audit_views.png)" in audit
    assert "### Shortcuts" in card.split("## Outside data")[1]


def test_every_plot_is_shown_once(entry: Path) -> None:
    """Those of no section, at the end."""
    (entry / "another.png").write_bytes(b"")
    shown = re.findall(r"!\[(.+?)\]\(\1\)", render_card(entry))
    assert sorted(shown) == sorted(plot.name for plot in entry.glob("*.png"))


@pytest.mark.parametrize("label", BUNDLED)
def test_what_both_checklists_ask_for_has_its_place(label: str) -> None:
    """Every section named is the card's, and every section of the card but the last is named."""
    card = render_card(STORE / label)
    table = card.split("| asked for | section |\n")[1].splitlines()[1:]
    named = {line.strip("| ").split(" | ")[1] for line in table}
    headings = re.findall(r"^## (.+)$", card, re.MULTILINE)
    assert named - set(headings) == {"the title", "none: another training is another version"}
    assert set(headings[:-1]) <= named
    assert re.search(r"^- Augmentation: ", card, re.MULTILINE)


def test_what_the_files_leave_open_is_reported(entry: Path) -> None:
    """A metric without a value has its reason; another set has no text of Kaggle's."""
    path = entry / "model.json"
    manifest = json.loads(path.read_text())
    manifest["training_data"]["set"] = "unnamed"
    manifest["metrics"]["validation"]["operating_points"]["half"]["f1"] = {"value": None, "note": "one class"}
    path.write_text(json.dumps(manifest))
    card = render_card(entry)
    assert "| f1 | undefined (one class) | 0.939 (0.922 to 0.954) |" in card
    assert "Guangzhou" not in card
    assert "no file of this entry knows more" in card


def test_a_network_from_elsewhere_gets_no_card(entry: Path) -> None:
    """Nothing is recorded of its training."""
    path = entry / "model.json"
    imported = {"training_data": {}, "training": {"parameters": 3, "imported": True}, "metrics": {}}
    path.write_text(json.dumps(json.loads(path.read_text()) | imported))
    with pytest.raises(PneumoServeError, match="nothing is recorded"):
        render_card(entry)


def test_the_gate_and_the_sources_stand_on_the_card(entry: Path) -> None:
    """With every rate by kind, and each source's terms; a card without them says that nothing is refused."""
    assert "has no way to refuse another picture" in render_card(entry)
    content = json.loads((entry / "model.json").read_text())
    rates = {"images": 50, "refused": 0.98, "unusual": 0.02, "auc": 0.995}
    content["maps"]["channel_means"] = ["relu"]
    content["sha256"]["gate"] = "0" * 64
    content["gate"] = {
        "unusual": 1.5,
        "unsuitable": 3.25,
        "reasons": ["inverted"],
        "least_probability": [0.5],
        "populations": ["NORMAL", "PNEUMONIA"],
    }
    content["metrics"]["gate"] = {
        "false_alarms": {"NORMAL, unperturbed": rates | {"refused": 0.004, "unusual": 0.006}},
        "detection": {"inverted": rates | {"auc": None}},
        "held_out": {"hands": rates},
    }
    content["training_data"]["sources"] = {
        "rule": "by patient",
        "validation_proportion": 0.15,
        "unreadable": 1,
        "exact_copies": 2,
        "sampling": {"p_child": 0.6},
        "lung_network": "1" * 64,
        "sources": [
            {
                "name": "elsewhere",
                "populations": ["adult"],
                "forms": ["whole"],
                "training": {"NORMAL": 3, "PNEUMONIA": 4},
                "validation": {"NORMAL": 1, "PNEUMONIA": 2},
                "fingerprint": "2" * 64,
                "licences": {"CC0": 10},
            }
        ],
    }
    (entry / "model.json").write_text(json.dumps(content))
    card = render_card(entry)
    assert "From a distance of 1.500 a film is *unusual*" in card
    assert "| NORMAL, unperturbed | 50 | 0.004 | 0.006 | 0.995 |" in card
    assert "| inverted | 50 | 0.980 | 0.020 | – |" in card
    assert "| hands | 50 | 0.980 | 0.020 | 0.995 |" in card
    assert "| elsewhere | adult | whole | 3 NORMAL + 4 PNEUMONIA | 1 NORMAL + 2 PNEUMONIA | CC0 |" in card
    assert "p_child 0.6" in card
    assert "has no way to refuse another picture" not in card
