"""Behind a proxy that shows the service at a path of its own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.conftest import encode, film_pixels
from tests.running import Running, running

PREFIX = "/xray"


@contextmanager
def proxy(server: Running, *, strips: bool) -> Iterator[str]:
    """A small HTTP proxy at `/xray/`, which takes that off (`proxy_pass http://…/;`) or not; its address."""

    class Forward(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            target = self.path.removeprefix(PREFIX) if strips else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
            connection.request(self.command, target, body, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
            connection.close()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = forward  # noqa: N815 - as the library looks for them

        def log_message(self, *_told: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{front.server_address[1]}{PREFIX}"
        finally:
            front.shutdown()
            thread.join()


def assert_docs_work(base: str) -> dict[str, object]:
    """Every address in the page resolves; what is described there."""
    page = httpx.get(f"{base}/docs")
    assert page.status_code == 200
    named = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", page.text)
    addresses = [one or other for one, other in named if not one.startswith("data:")]
    assert len(addresses) == 3
    answers = {address: httpx.get(urljoin(f"{base}/docs", address)) for address in addresses}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert "https://" not in page.text
    description: dict[str, object] = answers["openapi.json"].json()
    return description


@pytest.mark.parametrize(
    "root_path", [PREFIX, *(pytest.param(path, marks=pytest.mark.long) for path in ("", "/deep/xray"))]
)
def test_docs_work_at_the_root_and_behind_a_proxy_that_strips(tiny_store: Path, root_path: str) -> None:
    """Whatever ROOT_PATH says, which the description repeats."""
    with running(tiny_store, root_path=root_path) as server, proxy(server, strips=True) as base:
        for address in (f"http://127.0.0.1:{server.port}", base):
            description = assert_docs_work(address)
            assert description.get("servers") == ([{"url": root_path}] if root_path else None)


def test_docs_work_behind_a_proxy_that_leaves_the_path_in_front(tiny_store: Path) -> None:
    """With ROOT_PATH, and not without."""
    with running(tiny_store, root_path=PREFIX) as server, proxy(server, strips=False) as base:
        assert_docs_work(base)
    with running(tiny_store) as server, proxy(server, strips=False) as base:
        assert httpx.get(f"{base}/docs").status_code == 404


@pytest.mark.parametrize("strips", [True, False])
def test_what_is_described_is_found_where_it_is_described(tiny_store: Path, strips: bool) -> None:
    """As the page's Execute button and generated clients ask: origin, server and path."""
    with running(tiny_store, root_path=PREFIX) as server, proxy(server, strips=strips) as base:
        description = httpx.get(f"{base}/openapi.json").json()
        (described,) = description["servers"]
        where = urljoin(base, described["url"])
        for described_path, methods in description["paths"].items():
            path = described_path.replace("{model}", "pooled").replace("{version}", "1")
            for method in methods:
                assert httpx.request(method.upper(), f"{where}{path}").status_code not in (404, 405), path
        film = httpx.post(f"{where}/predict", content=encode(film_pixels(0)))
        absent = httpx.get(f"{where}/absent")
        metrics = httpx.get(f"{where}/metrics").text
    assert film.status_code == 200
    assert (absent.status_code, absent.json()["type"]) == (404, "/problems/not-found")
    assert 'pneumoserve_requests_total{outcome="ok"} 1.0' in metrics
    # Of /predict and /explain.
    assert 'pneumoserve_requests_total{outcome="missing-file"} 2.0' in metrics


def test_the_log_knows_paths_behind_the_prefix(tiny_store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without it; what only looks like it is another path."""
    with caplog.at_level("INFO", "pneumoserve"), running(tiny_store, root_path=PREFIX) as server:
        for path in ("/xray/livez", "/livez", "/xrays/livez", "/xray/xray/livez"):
            server.client.get(path)
    logged = [record.fields for record in caplog.records if record.message == "request"]  # type: ignore[attr-defined]
    assert [(line["path"], line["status"]) for line in logged if line["path"] != "/readyz"] == [
        ("/livez", 200),
        ("/livez", 200),
        ("other", 404),
        ("other", 404),
    ]


def test_no_forwarded_header_is_believed(client: httpx.Client) -> None:
    """Whoever reaches the port could send one."""
    names = ("Prefix", "Host", "Proto", "For", "Path")
    forwarded = {f"X-Forwarded-{name}": "/evil" for name in names} | {
        "Forwarded": "host=evil",
        "X-Script-Name": "/evil",
    }
    for path in ("/docs", "/openapi.json"):
        assert client.get(path, headers=forwarded).text == client.get(path).text
