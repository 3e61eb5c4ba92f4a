"""One film over HTTP, and what is tried again."""

from __future__ import annotations

import socket
import time
from email.utils import formatdate

import pytest

from batch.answer import Answer
from batch.connection import Connection, Liveness, has_ended
from batch.errors import ServiceGone, WrongAddress
from batch.retry import ONCE, RetryPolicy, Tries
from batch.service import Service
from tests.batch.fake_liveness import FakeLiveness
from tests.batch.stand_in import StandIn, Step
from tests.running import wait_until

POLICY = RetryPolicy(attempts=4, patience=30.0, refused=3.0, shortest=0.1, longest=0.5)


def connect(url: str, liveness: Liveness, policy: RetryPolicy = POLICY) -> Connection:
    return Connection(Service(url), policy, liveness)


def test_a_film_goes_as_the_raw_body_with_key_and_operating_point(service: StandIn, liveness: FakeLiveness) -> None:
    address = Service(service.url, operating_point="half", api_key="k")
    answer = Connection(address, POLICY, liveness).predict(b"film")

    assert answer.status == 200
    assert service.received == [b"film"]
    assert service.queries == ["operating_point=half"]
    headers = service.headers[0]
    assert (headers["Content-Type"], headers["X-API-Key"]) == ("application/octet-stream", "k")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_service_is_asked_again_after_retry_after(
    service: StandIn, liveness: FakeLiveness, status: int, form: str
) -> None:
    """And a random part of the shortest wait."""
    retry_after = 1000 if form == "seconds" else formatdate(time.time() + 1000, usegmt=True)
    service.plan[b"film"] = [(status, "busy", retry_after)]
    answer = connect(service.url, liveness, RetryPolicy(patience=2000)).predict(b"film")

    assert answer.status == 200
    (wait,) = liveness.waits
    assert (1000 if form == "seconds" else 900) <= wait <= 1000.25


def test_a_connection_is_kept_from_film_to_film_and_not_over_a_wait(service: StandIn, liveness: FakeLiveness) -> None:
    """The service may have closed it meanwhile."""
    service.plan[b"b"] = [(503, "not-ready")]
    one = connect(service.url, liveness)
    for film in (b"a", b"b"):
        one.predict(film)
    first, before, after = service.connections
    assert first == before != after


def test_waits_grow_up_to_the_longest(
    service: StandIn, liveness: FakeLiveness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is the largest that full jitter may choose."""
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    service.plan[b"film"] = [(503, "not-ready")] * 5
    connect(service.url, liveness).predict(b"film")

    assert liveness.waits == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_waits_do_not_overflow_however_long_the_patience_lasts() -> None:
    tries = Tries(RetryPolicy(patience=1e9), lambda: 0.0)
    waits = [tries.wait_after(Answer(503)) for _ in range(2000)]
    assert all(wait is not None and 0 <= wait <= 8 for wait in waits)


@pytest.mark.parametrize("step", ["drop", (502, "x"), (504, "deadline-exceeded"), (408, "slow-body")])
def test_what_may_be_the_films_doing_is_tried_a_few_times(service: StandIn, liveness: FakeLiveness, step: Step) -> None:
    one = connect(service.url, liveness)
    service.plan[b"film"] = [step] * 3
    assert one.predict(b"film").status == 200
    service.plan[b"film"] = [step] * 4
    answer = one.predict(b"film")

    assert len(service.received) == 8
    assert (answer.status, answer.lost) == ((None, "connection-lost") if step == "drop" else (step[0], None))


@pytest.mark.parametrize("status", [400, 401, 413, 415, 422, 500])
def test_what_would_not_change_is_not_tried_again(service: StandIn, liveness: FakeLiveness, status: int) -> None:
    service.plan[b"film"] = [(status, "x")]
    answer = connect(service.url, liveness).predict(b"film")

    assert (answer.status, len(service.received), liveness.waits) == (status, 1, [])


@pytest.mark.parametrize(("retry_after", "is_waited_for"), [(29, True), (30, False)])
def test_a_retry_after_beyond_the_patience_is_not_waited_for(
    service: StandIn,
    liveness: FakeLiveness,
    monkeypatch: pytest.MonkeyPatch,
    retry_after: int,
    is_waited_for: bool,
) -> None:
    """The patience is 30 seconds, and jitter comes on top."""
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    service.plan[b"film"] = [(429, "overloaded", retry_after)]
    one = connect(service.url, liveness)
    one.predict(b"another film before it")
    if is_waited_for:
        assert one.predict(b"film").status == 200
    else:
        with pytest.raises(ServiceGone, match="429"):
            one.predict(b"film")
    assert liveness.waits == ([29.1] if is_waited_for else [])


def test_a_film_in_a_busy_service_that_answers_others_is_a_failed_film(
    service: StandIn, liveness: FakeLiveness
) -> None:
    """Its patience ends, but the service is not gone."""
    service.plan[b"film"] = [(429, "overloaded")] * 1000
    other = connect(service.url, liveness)
    liveness.on_wait = lambda: other.predict(b"other film")
    assert connect(service.url, liveness).predict(b"film").status == 429
    assert 29 < sum(liveness.waits) <= 30


@pytest.mark.parametrize(("silent", "is_gone"), [(89.0, False), (90.0, True)])
def test_lost_connections_are_the_services_after_three_times_the_patience_without_an_answer(
    service: StandIn, liveness: FakeLiveness, silent: float, is_gone: bool
) -> None:
    """Before that the film may be the reason, and is a failed film."""
    service.plan[b"film"] = ["drop"] * 4
    one = connect(service.url, liveness)
    liveness.now = silent
    if is_gone:
        with pytest.raises(ServiceGone):
            one.predict(b"film")
    else:
        assert one.predict(b"film").lost == "connection-lost"


@pytest.mark.parametrize("retry_after", [formatdate(0, usegmt=True), "soon"])
def test_a_retry_after_that_is_over_or_unreadable_adds_no_wait(
    service: StandIn, liveness: FakeLiveness, retry_after: str
) -> None:
    service.plan[b"film"] = [(503, "not-ready", retry_after)]
    assert connect(service.url, liveness).predict(b"film").status == 200
    assert 0 <= liveness.waits[0] <= POLICY.shortest


def test_an_answer_that_comes_before_the_film_was_read_is_heard(service: StandIn, liveness: FakeLiveness) -> None:
    service.forget_to_read.add(30_000_000)
    answer = connect(service.url, liveness).predict(bytes(30_000_000))

    assert answer.status == 413
    assert "too-many-bytes" in answer.json()["type"]


def test_nobody_there_is_an_error_after_the_patience_for_it(liveness: FakeLiveness) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceGone, match="refused"):
            connect(f"http://127.0.0.1:{closed.getsockname()[1]}", liveness).predict(b"film")
    assert 2.5 <= sum(liveness.waits) <= 3.0


def test_a_service_that_starts_late_is_waited_for(service: StandIn, liveness: FakeLiveness) -> None:
    port = service.port
    service.stop()
    liveness.on_wait = lambda: service.start(port) if len(liveness.waits) == 3 else None
    answer = connect(f"http://127.0.0.1:{port}", liveness).predict(b"film")

    assert (answer.status, len(liveness.waits)) == (200, 3)


def test_a_service_that_never_answers_is_a_timeout(liveness: FakeLiveness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.connection.ANSWER_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        answer = connect(f"http://127.0.0.1:{mute.getsockname()[1]}", liveness).predict(b"film")

    assert answer.lost == "timeout"


def test_a_connection_that_the_service_closed_while_idle_costs_no_film(
    service: StandIn, liveness: FakeLiveness
) -> None:
    """Nor a retry: another is opened."""
    service.plan[b"a"] = ["ok, then close"]
    one = connect(service.url, liveness, ONCE)
    one.predict(b"a")
    wait_until(lambda: has_ended(one._connection.sock))

    assert one.predict(b"b").status == 200
    first, second = service.connections
    assert first != second


def test_a_connection_has_ended_once_the_other_side_closed_it() -> None:
    here, there = socket.socketpair()
    with here:
        assert not has_ended(here)
        there.close()
        assert has_ended(here)


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8000", "ftp://host", "http://", "http://h:99999", "http://h:x", "http://u:p@h", "http://h/?a=b"),
        *("", "http://[::1", "http://[x]", "http://a..b", f"http://{'a' * 64}"),
        *("http://a b", "http://h/a b", "http://h/ä"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(WrongAddress, match="Expected the service's URL"):
        Service(url)


@pytest.mark.parametrize("url", ["http://user:secret@h", "http://user:sec/ret@h", "http://secret@h:x"])
def test_a_password_in_an_address_is_not_repeated(url: str) -> None:
    with pytest.raises(WrongAddress, match=r"@h(:x)?$") as raised:
        Service(url)
    assert "sec" not in str(raised.value)


def test_a_key_that_would_break_the_header_is_refused() -> None:
    with pytest.raises(WrongAddress, match="API key"):
        Service("http://host", api_key="a\r\nb")


def test_a_path_in_the_url_comes_before_the_route() -> None:
    service = Service("https://host:8443/xray/")
    assert (service.origin, service.film("/predict", b"").target) == ("https://host:8443", "/xray/predict")


def test_a_call_may_name_another_operating_point_than_the_services() -> None:
    """None names none."""
    service = Service("http://host", operating_point="half")
    targets = [service.film("/predict", b"", {"operating_point": point}).target for point in ("balanced", None)]
    assert targets == ["/predict?operating_point=balanced", "/predict?operating_point=half"]
