"""One `Client` for many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from batch.client import Client
from batch.retry import ONCE
from tests.batch.stand_in import StandIn


def test_threads_get_each_their_own_answers_over_connections_that_are_used_again(service: StandIn) -> None:
    films = [b"positive %d" % number if number % 3 else b"negative %d" % number for number in range(60)]
    with Client(service.url) as client, ThreadPoolExecutor(4) as threads:
        labels = [answer.label for answer in threads.map(client.predict, films)]
    assert labels == ["PNEUMONIA" if number % 3 else "NORMAL" for number in range(60)]
    assert len(set(service.connections)) <= 4


def test_a_closed_client_opens_another_connection(service: StandIn) -> None:
    client = Client(service.url)
    for _ in range(2):
        client.predict(b"film")
        client.close()
    first, second = service.connections
    assert first != second


def test_a_connection_that_was_interrupted_is_not_used_again(service: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to the film at hand may still come over it."""
    with Client(service.url, retries=ONCE) as client:
        client.predict(b"film")

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("http.client.HTTPConnection.getresponse", interrupt)
            with pytest.raises(KeyboardInterrupt):
                client.predict(b"positive")
        assert client.predict(b"negative").label == "NORMAL"
    assert service.connections[-1] != service.connections[0]
