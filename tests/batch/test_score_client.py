"""One film over HTTP, and what is tried again."""

import socket
import threading
import time
from email.utils import formatdate

import pytest

from batch.client import Pulse, Retrying, Sender
from batch.errors import ServiceGone, WrongAddress
from batch.service import Service

QUICK = Retrying(attempts=4, patience=3.0, refused=0.3, shortest=0.01, longest=0.05)


def sender(url, retrying=QUICK, **options):
    """Return a sender to the service at `url`."""
    return Sender(Service(url, **options), retrying, Pulse())


def test_a_film_goes_as_the_raw_body_with_key_and_operating_point(service):
    """A film goes as the raw body with key and operating point."""
    answer = sender(service.url, operating_point="half", api_key="k").predict(b"film")

    assert answer.status == 200
    assert service.received == [b"film"]
    assert service.queries == ["operating_point=half"]
    assert (
        service.headers[0]["Content-Type"],
        service.headers[0]["X-API-Key"],
    ) == ("application/octet-stream", "k")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_service_is_asked_again_after_retry_after(service, status, form):
    """A busy service is asked again after retry after."""
    retry_after = 1 if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    service.plan[b"film"] = [(status, "busy", retry_after)]
    answer = sender(service.url).predict(b"film")
    first, second = service.arrivals

    assert answer.status == 200
    assert 0.9 <= second - first <= 2.5


@pytest.mark.parametrize("step", ["drop", (502, "x"), (504, "deadline-exceeded"), (408, "slow-body")])
def test_what_may_be_the_films_doing_is_tried_a_few_times(service, step):
    """What may be the films doing is tried a few times."""
    service.plan[b"film"] = [step] * 3
    assert sender(service.url).predict(b"film").status == 200
    service.plan[b"film"] = [step] * 4
    answer = sender(service.url).predict(b"film")

    assert len(service.received) == 8
    assert (answer.status, answer.lost) == (None, "connection-lost") if step == "drop" else step[0] == answer.status


@pytest.mark.parametrize("status", [400, 401, 413, 415, 422, 500])
def test_what_would_not_change_is_not_tried_again(service, status):
    """What would not change is not tried again."""
    service.plan[b"film"] = [(status, "x")]
    answer = sender(service.url).predict(b"film")

    assert (status, 1) == (answer.status, len(service.received))


def test_a_retry_after_beyond_the_patience_is_not_waited_for(service):
    """A retry after beyond the patience is not waited for."""
    service.plan[b"film"] = [(429, "overloaded", 3600)]
    one = sender(service.url)
    one.predict(b"another film before it")
    began = time.monotonic()
    with pytest.raises(ServiceGone, match="429"):
        one.predict(b"film")
    assert time.monotonic() - began < 1


def test_an_answer_that_comes_before_the_film_was_read_is_heard(service):
    """An answer that comes before the film was read is heard."""
    service.forget_to_read.add(30_000_000)
    answer = sender(service.url).predict(bytes(30_000_000))

    assert answer.status == 413
    assert "too-many-bytes" in answer.json()["type"]


def test_nobody_there_is_told_after_the_patience_for_it():
    """Nobody there is told after the patience for it."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceGone, match="refused"):
            sender(f"http://127.0.0.1:{closed.getsockname()[1]}").predict(b"film")


def test_a_service_that_starts_late_is_waited_for(service):
    """A service that starts late is waited for."""
    port = service.port
    service.stop()
    threading.Timer(0.3, service.start, [port]).start()
    answer = sender(f"http://127.0.0.1:{port}", Retrying(refused=5.0, shortest=0.05)).predict(b"film")

    assert answer.status == 200


def test_a_service_that_never_answers_is_a_timeout(monkeypatch):
    """A service that never answers is a timeout."""
    monkeypatch.setattr("batch.client.ANSWER_TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        answer = sender(f"http://127.0.0.1:{mute.getsockname()[1]}").predict(b"film")

    assert answer.lost == "timeout"


def test_a_connection_that_the_service_closed_while_idle_costs_no_film(service):
    """A connection that the service closed while idle costs no film."""
    one = sender(service.url)
    one.predict(b"a")
    port = service.port
    one._connection.sock.shutdown(socket.SHUT_RDWR)

    assert one.predict(b"b").status == 200
    assert port == service.port


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8000", "ftp://host", "http://", "http://h:99999", "http://h:x", "http://u:p@h", "http://h/?a=b", ""],
)
def test_an_address_that_is_none_is_refused(url):
    """An address that is none is refused."""
    with pytest.raises(WrongAddress, match="Expected --url"):
        Service(url)


def test_a_key_that_would_break_the_header_is_refused():
    """A key that would break the header is refused."""
    with pytest.raises(WrongAddress, match="API key"):
        Service("http://host", api_key="a\r\nb")


def test_a_path_in_the_url_comes_before_the_route():
    """A path in the url comes before the route."""
    assert Service("https://host/xray/").target("/predict") == "/xray/predict"
