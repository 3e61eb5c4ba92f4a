"""The pipeline: what becomes of a film when service or destination fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from batch.client import Client
from batch.retry import ONCE
from gateway.asking import Asker
from gateway.errors import Failed, Unavailable
from gateway.film import read_film
from gateway.outbox import Outbox
from gateway.results import Result
from gateway.settings import GatewaySettings
from gateway.worker import Worker
from tests.gateway.dicom_films import dicom_film
from tests.gateway.film_service import FilmService, film_service
from tests.running import wait_until


@dataclass
class Shelf:
    """A destination that keeps results, and fails as planned."""

    results: list[Result] = field(default_factory=list)
    plan: list[Exception] = field(default_factory=list)
    always: Exception | None = None

    def send(self, result: Result) -> None:
        if self.plan:
            raise self.plan.pop(0)
        if self.always is not None:
            raise self.always
        self.results.append(result)

    def close(self) -> None:
        pass


@dataclass
class Running:
    outbox: Outbox
    worker: Worker
    service: FilmService
    shelf: Shelf

    def send(self, number: int = 1) -> None:
        self.outbox.receive(read_film(dicom_film(number)))
        self.worker.wake()

    def wait(self, state: str, count: int = 1) -> None:
        wait_until(lambda: self.outbox.counts()[state] == count, 20)  # type: ignore[index]


@contextmanager
def running(folder: Path, shelf: Shelf | None = None, **settings: object) -> Iterator[Running]:
    shelf = shelf or Shelf()
    chosen = GatewaySettings(folder=folder, destination="dicom://A@h:1", **settings)  # type: ignore[arg-type]
    with film_service() as service:
        outbox = Outbox(folder)
        asker = Asker(Client(service.url, retries=ONCE), with_map=chosen.contour)
        worker = Worker(chosen, outbox, asker, shelf, folder / "health")
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield Running(outbox, worker, service, shelf)
        finally:
            worker.stop()
            thread.join(20)
            outbox.close()
    assert not thread.is_alive()


def test_a_film_has_its_results_delivered_once(tmp_path: Path) -> None:
    with running(tmp_path / "box", contour=True) as gateway:
        gateway.send()
        gateway.wait("delivered")
        assert [result.kind for result in gateway.shelf.results] == ["secondary-capture", "report", "contour"]
        assert (tmp_path / "box" / "health").exists()


def test_the_same_film_sent_again_has_the_same_results(tmp_path: Path) -> None:
    """Byte for byte, with the date of its first receipt."""
    with running(tmp_path / "box") as gateway:
        gateway.send()
        gateway.wait("delivered")
        gateway.send()
        wait_until(lambda: len(gateway.shelf.results) == 4, 20)
        assert gateway.shelf.results[:2] == gateway.shelf.results[2:]


@pytest.mark.parametrize(
    "problem", [(422, "unsuitable-image"), (422, "undecodable-image"), (413, "too-many-pixels")], ids=str
)
def test_a_film_that_the_service_refuses_has_no_results_and_says_why(tmp_path: Path, problem: tuple[int, str]) -> None:
    with running(tmp_path / "box") as gateway:
        gateway.service.problem = problem
        gateway.send()
        gateway.wait("refused")
        assert [entry.reason for entry in gateway.outbox.in_state("refused")] == [problem[1]]
        assert gateway.shelf.results == []


@pytest.mark.parametrize(
    "problem",
    [
        (429, "too-busy"),
        *(
            pytest.param(problem, marks=pytest.mark.long)
            for problem in (
                (503, "not-ready"),
                (401, "unauthorized"),
                (422, "invalid-parameter"),
                (502, ""),
                (415, "unsupported-format"),
                (413, "too-many-bytes"),
                (400, "bad-request"),
                (413, ""),
            )
        ),
    ],
    ids=str,
)
def test_a_film_waits_for_a_service_that_takes_none(tmp_path: Path, problem: tuple[int, str]) -> None:
    """Longer than errors would be borne; wrong settings and proxies are no fault of the film."""
    with running(tmp_path / "box", max_errors=1) as gateway:
        gateway.service.problem = problem
        gateway.send()
        wait_until(lambda: gateway.service.asked >= 2, 20)
        assert gateway.outbox.counts()["received"] == 1
        gateway.service.problem = None
        gateway.wait("delivered")


def test_errors_are_borne_a_number_of_times_and_then_listed(tmp_path: Path) -> None:
    """And the film is kept for a retry."""
    with running(tmp_path / "box", max_errors=2) as gateway:
        gateway.service.problem = 500, "internal-error"
        gateway.send()
        gateway.wait("failed")
        assert gateway.service.asked == 2
        assert "internal-error" in str(gateway.outbox.in_state("failed")[0].reason)
        gateway.service.problem = None
        gateway.outbox.retry()
        gateway.wait("delivered")


def test_a_destination_that_is_away_gets_each_result_once_it_is_back(tmp_path: Path) -> None:
    """Those that had arrived are not sent again."""
    shelf = Shelf()
    with running(tmp_path / "box", shelf) as gateway:
        shelf.plan = [Unavailable("away"), Unavailable("away")]
        gateway.send()
        gateway.send(2)
        gateway.wait("delivered", 2)
        uids = [result.uid for result in shelf.results]
        assert len(uids) == len(set(uids)) == 4


def test_a_result_that_is_not_taken_is_listed_in_the_end(tmp_path: Path) -> None:
    """Other films go on meanwhile."""
    shelf = Shelf(plan=[Failed("status 0x0122")])
    with running(tmp_path / "box", shelf, max_errors=1) as gateway:
        gateway.send()
        gateway.send(2)
        gateway.wait("failed")
        gateway.wait("delivered")
        assert gateway.outbox.in_state("failed")[0].reason == "status 0x0122"


def test_a_destination_that_stays_away_is_given_up_after_its_time(tmp_path: Path) -> None:
    """Nothing is lost: the results wait for a retry."""
    with running(tmp_path / "box", Shelf(always=Unavailable("away")), give_up_hours=1e-6) as gateway:
        gateway.send()
        gateway.wait("failed")
        assert len(gateway.outbox.results(gateway.outbox.in_state("failed")[0].id)) == 2


def test_an_answer_of_two_models_is_asked_for_again(tmp_path: Path) -> None:
    """The picture would be of another model than the words."""
    with running(tmp_path / "box") as gateway:
        changing = iter(["cd" * 32, "ab" * 32])
        answer = gateway.service.answer

        def next_answer(with_map: bool) -> dict[str, object]:
            answered = answer(with_map)
            return answered | {"model": answered["model"] | {"sha256": next(changing)}}

        gateway.service.answer = next_answer  # type: ignore[method-assign]
        gateway.send()
        gateway.wait("delivered")
        assert next(changing, None) is None
