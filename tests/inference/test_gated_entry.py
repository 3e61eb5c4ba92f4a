"""An entry with a gate is verified with it, by either engine, before a film is answered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import ArtifactRefused
from app.inference.artifact import find_entry, open_verified
from app.inference.engine import Films, Maps
from app.inference.predictor import FilmPrediction, Predictor, open_predictor
from app.names import EngineName
from tests.conftest import encode, film_pixels

NOISE = encode(np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8), ".png")


@pytest.fixture
def entry(gated_store: Path, tmp_path: Path) -> Path:
    """Return the folder of a copy of the gated entry, to break."""
    return shutil.copytree(gated_store, tmp_path / "store") / "gated" / "1"


def refused(entry: Path) -> str:
    """Return why an entry is refused."""
    with pytest.raises(ArtifactRefused) as caught:
        open_predictor(entry.parents[1], "gated/1")
    return str(caught.value)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_changed_or_missing_reference_is_refused(entry: Path) -> None:
    """By its hash, which `model.json` holds."""
    data = (entry / "gate.npz").read_bytes()
    (entry / "gate.npz").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert "expected gate.npz with sha256" in refused(entry)
    (entry / "gate.npz").unlink()
    assert "gate.npz" in refused(entry)


@pytest.mark.parametrize(
    ("distance", "message"),
    [(lambda found: found * 1.002, "should lie at"), (lambda found: None, "gate's distance of every golden film")],
)
def test_another_distance_of_a_golden_film_is_refused(
    entry: Path, distance: Callable[[float], float | None], message: str
) -> None:
    """And a film without one."""
    edit(
        entry / "golden.json",
        lambda golden: golden["films"][0].update(gate_distance=distance(golden["films"][0]["gate_distance"])),
    )
    assert message in refused(entry)


@pytest.mark.parametrize("part", ["gate", "digest", "channel means"])
def test_half_a_gate_is_refused(entry: Path, part: str) -> None:
    """Thresholds, digest and channel means come together."""
    places = {"gate": ("gate",), "digest": ("sha256", "gate"), "channel means": ("maps", "channel_means")}

    def remove(manifest: Any) -> None:
        *path, last = places[part]
        for name in path:
            manifest = manifest[name]
        manifest[last] = [] if part == "channel means" else None

    edit(entry / "model.json", remove)
    assert "expected a gate with its digest and with channel means" in refused(entry)


def test_engines_find_the_same(gated_store: Path) -> None:
    """Verdict, reason and distance."""
    films = np.stack([film_pixels(seed, 150, 150) for seed in range(4)])
    found = {}
    for name in ("openvino", "tensorflow"):
        engine: EngineName = "openvino" if name == "openvino" else "tensorflow"
        opened = open_predictor(gated_store, None, engine)
        means = opened.engine.maps(films, cam=True, layers=True).channel_means
        assert opened.gate is not None
        assert means is not None
        found[name] = opened.gate.reference.distance(opened.gate.reference.standardise(means))
        assert opened.predict(NOISE, operating_point="half", gate="flag").gate.reason == "not a chest radiograph"
    assert found["tensorflow"] == pytest.approx(found["openvino"], rel=1e-3)


def test_a_gate_is_asked_from_many_threads(gated_store: Path) -> None:
    """Each film gets its own verdict."""
    predictor = open_predictor(gated_store, None)

    def ask(film: bytes) -> FilmPrediction:
        return predictor.predict(film, operating_point="half", gate="flag")

    films = [encode(film_pixels(300)), NOISE] * 10
    with ThreadPoolExecutor(4) as pool:
        verdicts = [answer.gate.verdict for answer in pool.map(ask, films)]
    assert verdicts == ["usual", "unusual"] * 10


class Counting:
    """An engine that counts what is asked of it."""

    name: EngineName = "openvino"

    def __init__(self, store: Path) -> None:
        self.engine = open_verified(find_entry(store))
        self.asked: list[str] = []

    def logits(self, films: Films) -> Any:
        self.asked.append("logits")
        return self.engine.logits(films)

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        self.asked.append(f"maps, cam {cam}, layers {layers}")
        return self.engine.maps(films, cam=cam, layers=layers)


def test_workers_are_warmed_for_what_films_need(gated_store: Path) -> None:
    """Else each worker's first film would wait for a network with channel means."""
    engine = Counting(gated_store)
    predictor = Predictor(find_entry(gated_store), engine)
    for mode in ("refuse", "flag", "off"):
        engine.asked.clear()
        predictor.warm(mode)
        predictor.predict(encode(film_pixels(300)), operating_point="half", gate=mode)
        assert engine.asked == [engine.asked[0]] * 2
        assert (engine.asked[0] == "logits") is (mode == "off")
