"""Another model is chosen while the service runs."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.inference.artifact_writer import set_default
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

FILM = encode(film_pixels(0))


@pytest.fixture
def store(tiny_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_store, tmp_path / "store"))


@pytest.fixture
def following(store: Path) -> Iterator[Running]:
    with running(store) as server:
        yield server


def model_of(client: httpx.Client) -> str:
    return str(client.get("/health").json()["model"]["name"])


def test_a_promoted_model_answers_and_no_request_sees_a_gap(store: Path, following: Running) -> None:
    """Each answer names the model that gave it: first the old one, then the new one."""
    expected = {
        name: following.service.loaded().predict(FILM, operating_point="half").decision.probability
        for name in ["pooled"]
    }
    answers: list[tuple[str, float]] = []
    statuses: set[int] = set()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=following.client.base_url, timeout=20) as client:
            while not over.is_set():
                answer = client.post("/predict", content=FILM)
                statuses.add(answer.status_code)
                answers.append((answer.json()["model"]["name"], answer.json()["probability"]))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: answers)
    set_default(store, "tanh/1")
    wait_until(lambda: model_of(following.client) == "tanh")
    time.sleep(0.2)
    over.set()
    asking.join(20)
    expected["tanh"] = following.service.loaded().predict(FILM, operating_point="half").decision.probability

    assert statuses == {200}
    names = [name for name, _ in answers]
    assert set(names) == {"pooled", "tanh"}
    assert names == sorted(names)
    assert all(probability == pytest.approx(expected[name], abs=1e-6) for name, probability in answers)
    assert following.client.get("/model").json()["name"] == "tanh"
    metrics = following.client.get("/metrics").text
    assert 'pneumoserve_reloads_total{outcome="swapped"} 1.0' in metrics
    assert 'pneumoserve_model_info{name="tanh"' in metrics


def test_a_bad_model_is_refused_and_the_old_one_serves_on(store: Path, following: Running) -> None:
    """The reason is in health and metrics, without a path; the next good choice ends the refusal."""
    weights = store / "dense" / "1" / "serving" / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    set_default(store, "dense/1")
    wait_until(lambda: "refused" in following.client.get("/health").json())
    health = following.client.get("/health").json()
    assert health["model"]["name"] == "pooled"
    assert health["refused"]["model"] == "dense/1"
    assert "serving" in health["refused"]["reason"]
    assert str(store) not in health["refused"]["reason"]
    assert following.client.post("/predict", content=FILM).json()["model"]["name"] == "pooled"
    assert 'pneumoserve_reloads_total{outcome="refused"} 1.0' in following.client.get("/metrics").text
    set_default(store, "pooled/1")
    wait_until(lambda: "refused" not in following.client.get("/health").json())


@pytest.mark.parametrize("choice", ["absent/7", "../../etc/passwd", "\x00\x01", ""])
def test_a_choice_of_no_model_changes_nothing(store: Path, following: Running, choice: str) -> None:
    set_default(store, choice)
    wait_until(lambda: "refused" in following.client.get("/health").json())
    health = following.client.get("/health").json()
    assert health["model"]["name"] == "pooled"
    assert "Expected the file DEFAULT to name a model" in health["refused"]["reason"]
    assert str(store) not in following.client.get("/health").text


def test_a_new_entry_changes_nothing_until_it_is_chosen(store: Path, following: Running) -> None:
    (store / "pooled" / "2").mkdir()
    shutil.copy(store / "pooled" / "1" / "model.json", store / "pooled" / "2")
    time.sleep(1.5)
    health = following.client.get("/health").json()
    assert (health["model"]["version"], "refused" in health) == ("1", False)


def test_a_pinned_model_never_changes(store: Path) -> None:
    with running(store, model="pooled") as server:
        set_default(store, "tanh/1")
        time.sleep(1.5)
        assert model_of(server.client) == "pooled"


@pytest.mark.long
def test_memory_is_flat_over_fifty_swaps(store: Path) -> None:
    """Within 5 % of that after six: the same network's."""
    from tests.serving import served

    def resident(pid: int) -> int:
        import psutil

        return int(psutil.Process(pid).memory_info().rss)

    with served(MODEL_STORE=store) as process, httpx.Client(base_url=process.url) as client:
        sizes = []
        for swap in range(50):
            name = ("tanh", "pooled")[swap % 2]
            set_default(store, f"{name}/1")
            wait_until(lambda name=name: model_of(client) == name, 30)  # type: ignore[misc]
            client.post("/predict?activation_maps=all", content=FILM)
            sizes.append(resident(process.process.pid))
    assert sizes[-1] <= 1.05 * sizes[5], [size >> 20 for size in sizes]
