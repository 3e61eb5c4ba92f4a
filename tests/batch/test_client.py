"""The Python clients: typed answers, errors, and the retries that both share with `score`."""

from __future__ import annotations

import inspect
import pickle
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from batch.async_client import AsyncClient
from batch.client import Client
from batch.connection import Connection
from batch.errors import NoAnswer, Problem, UnexpectedAnswer, WrongAddress
from batch.retry import ONCE, RetryPolicy
from batch.service import Service
from tests.batch.fake_liveness import FakeLiveness
from tests.batch.stand_in import PNG, SHA256, StandIn, Step

POLICY = RetryPolicy(attempts=3, patience=30.0, refused=3.0, shortest=0.1, longest=0.5)

Ask = Callable[..., Any]
"""Calls a method of a client by name, and returns its result."""


@pytest.fixture(params=["Client", "AsyncClient"])
def ask(request: pytest.FixtureRequest, service: StandIn, liveness: FakeLiveness) -> Ask:
    """Ask through either client, in time that passes only while it waits."""

    def ask(method: str, *arguments: Any, url: str = service.url, options: Any = None, **query: Any) -> Any:
        options = {"retries": POLICY} | (options or {})
        if request.param == "Client":
            with Client(url, liveness=liveness, **options) as client:
                return getattr(client, method)(*arguments, **query)

        async def ask_asynchronously() -> Any:
            async def sleep(seconds: float) -> None:
                liveness.wait(seconds)

            async with AsyncClient(url, clock=liveness.clock, sleep=sleep, **options) as client:
                return await getattr(client, method)(*arguments, **query)

        return anyio.run(ask_asynchronously)

    return ask


def test_a_prediction_is_typed(ask: Ask, service: StandIn, tmp_path: Path) -> None:
    """Of bytes and of a file, whose name is not sent."""
    (tmp_path / "name.png").write_bytes(b"positive")
    answers = [ask("predict", film) for film in (b"positive", tmp_path / "name.png")]
    found = [(answer.label, answer.probability, answer.refer) for answer in answers]
    assert found == [("PNEUMONIA", 0.973041, False)] * 2
    assert (answers[0].operating_point.threshold, answers[0].model.sha256) == (0.41, SHA256)
    assert service.received == [b"positive"] * 2
    assert "name.png" not in repr(service.headers) + repr(service.queries)


def test_a_call_sends_what_was_asked_for_and_the_key(ask: Ask, service: StandIn) -> None:
    options = {"operating_point": "half", "api_key": "k"}
    ask("predict", b"a", options=options)
    ask("predict", b"b", activation_maps="cam", gate="off", operating_point="balanced", options=options)
    ask("explain", b"c", style="contour", level=0.25, options=options)
    assert service.queries == [
        "operating_point=half",
        "operating_point=balanced&activation_maps=cam&gate=off",
        "operating_point=half&style=contour&level=0.25",
    ]
    assert {headers["X-API-Key"] for headers in service.headers} == {"k"}
    assert {headers["Accept-Encoding"] for headers in service.headers} == {"identity"}


def test_explain_returns_the_picture(ask: Ask) -> None:
    assert ask("explain", b"film") == PNG


def test_model_and_health_are_typed(ask: Ask) -> None:
    assert ask("model").operating_points == {"half": 0.5, "balanced": 0.41}
    assert ask("health").model.name == "drawn"


def test_a_refusal_is_a_problem(ask: Ask, service: StandIn, liveness: FakeLiveness) -> None:
    """It is raised at once, and survives its way between processes."""
    service.plan[b"film"] = [(422, "unsuitable-image")]
    with pytest.raises(Problem, match=r"^422 unsuitable-image: Expected better than unsuitable-image\.$") as raised:
        ask("predict", b"film")
    problem = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own
    assert (problem.slug, problem.status, problem.title) == ("unsuitable-image", 422, "unsuitable-image")
    assert (problem.detail, problem.request_id) == ("Expected better than unsuitable-image.", "r1")
    assert liveness.waits == []


PLANS: list[list[Step]] = [
    [(503, "not-ready", 2), (429, "overloaded"), "drop"],
    [(504, "deadline-exceeded")] * 2,
    [(429, "overloaded", 29)] * 2,
    ["drop"] * 3,
]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_retries_are_those_of_score(
    ask: Ask, service: StandIn, liveness: FakeLiveness, monkeypatch: pytest.MonkeyPatch, plan: list[Step]
) -> None:
    """As often, and after the same waits: each the longest that jitter may choose."""
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    service.plan[b"score"], service.plan[b"client"] = [*plan], [*plan]
    scoring = FakeLiveness()
    scoring.answered_at = 1e9  # by another thread
    with closing(Connection(Service(service.url), POLICY, scoring)) as connection:
        answer = connection.predict(b"score")
    try:
        status = 200 if ask("predict", b"client") else None
    except Problem as problem:
        status = problem.status
    except NoAnswer:
        status = None
    assert status == answer.status
    assert liveness.waits == scoring.waits != []
    assert service.received.count(b"client") == service.received.count(b"score")


def test_a_service_that_stays_busy_is_a_problem(ask: Ask, service: StandIn, liveness: FakeLiveness) -> None:
    service.plan[b"film"] = [(429, "overloaded", 5)] * 100
    with pytest.raises(Problem) as raised:
        ask("predict", b"film")
    assert raised.value.slug == "overloaded"
    assert 24 < sum(liveness.waits) <= 30


def test_nobody_there_is_no_answer_after_the_time_for_it(ask: Ask, liveness: FakeLiveness) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="Received none"):
            ask("model", url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert 2.5 <= sum(liveness.waits) <= 3.0


def test_without_retries_the_first_answer_stands(ask: Ask, service: StandIn, liveness: FakeLiveness) -> None:
    service.plan[b"film"] = [(503, "not-ready")]
    with pytest.raises(Problem, match="503"):
        ask("predict", b"film", options={"retries": ONCE})
    assert liveness.waits == []


@pytest.mark.parametrize("method", ["predict", "explain"])
def test_an_answer_of_another_server_is_unexpected(ask: Ask, service: StandIn, method: str) -> None:
    service.plan[b"film"] = ["garbage"]
    with pytest.raises(UnexpectedAnswer, match="Expected a "):
        ask(method, b"film")


def test_what_an_answer_lacks_is_named(ask: Ask, service: StandIn) -> None:
    service.changes[b"film"] = {"operating_point": {"name": "half"}}
    with pytest.raises(UnexpectedAnswer, match=r"Prediction .*operating_point\.threshold: Field required"):
        ask("predict", b"film")


def test_a_service_that_never_answers_is_no_answer(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.connection.ANSWER_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr("batch.async_client._TIMEOUT", httpx.Timeout(0.05))
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(NoAnswer, match="Timeout"):
        ask("predict", b"film", url=f"http://127.0.0.1:{mute.getsockname()[1]}")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_address_that_is_none_is_refused(kind: Callable[..., object]) -> None:
    with pytest.raises(WrongAddress, match="Expected the service's URL"):
        kind("ftp://host")


def test_both_clients_have_the_same_methods() -> None:
    """With the same parameters, and the same types of results."""
    for name in ("predict", "explain", "model", "health"):
        assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name)), name


def test_an_asynchronous_film_may_be_cancelled(service: StandIn) -> None:
    """Those beside it are answered, and the client takes the next."""

    async def main() -> list[str]:
        async with AsyncClient(service.url, retries=ONCE) as client:
            service.hold_after = 0
            answered: list[str] = []

            async def predict(film: bytes) -> None:
                answered.append((await client.predict(film)).label)

            async with anyio.create_task_group() as group:
                group.start_soon(predict, b"positive")
                with anyio.move_on_after(0.05):
                    await predict(b"cancelled")
                service.release()
            await predict(b"next")
            return answered

    assert anyio.run(main) == ["PNEUMONIA", "NORMAL"]


def gather(client: AsyncClient, calls: int) -> Callable[[], Awaitable[None]]:
    async def main() -> None:
        async with client, anyio.create_task_group() as group:
            for number in range(calls):
                group.start_soon(client.predict, b"%d" % number)

    return main


def test_as_many_asynchronous_films_are_sent_at_once_as_the_caller_asks_for(service: StandIn) -> None:
    """None is answered before all have come."""
    count = 30
    service.hold_after = 0
    service.on_film = lambda film: service.release() if len(service.received) == count else None
    anyio.run(gather(AsyncClient(service.url, retries=ONCE), count))
    assert len(set(service.connections)) == count
