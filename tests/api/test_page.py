"""The page's files, without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.api.test_prefix import PREFIX, proxy
from tests.running import running

FOLDER = Path(__file__).parents[2] / "app" / "web"
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
ASSETS = [path.name for path in FILES if path.name != "index.html"]


def addresses(text: str) -> set[str]:
    """What a file of the page refers to."""
    found = re.findall(r"""(?:href|src)="([^"]+)"|from "([^"]+)\"""", text)
    return {one or other for one, other in found}


@pytest.mark.parametrize("path", ["/", *(f"/web/{name}" for name in ASSETS)])
def test_every_file_has_a_strict_policy(client: httpx.Client, path: str) -> None:
    """Nothing from outside, nothing inline, no frame around it."""
    answer = client.get(path)
    assert answer.status_code == 200
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_browser_that_has_a_file_is_sent_none(client: httpx.Client) -> None:
    """By the ETag of its content."""
    tag = client.get("/").headers["ETag"]
    assert client.get("/", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/", headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304
    assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get("/web/main.js").headers["ETag"] != tag


def test_head_works(client: httpx.Client) -> None:
    got, asked = client.get("/"), client.head("/")
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["Content-Length"] == str(len(got.content))


@pytest.mark.parametrize(
    "name", ["absent.js", "index.html", "vendor", "vendor/swagger-ui/README.md", "..%2fmain.py", "%2e%2e/main.py"]
)
def test_no_other_file_is_served(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/web/{name}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_the_page_weighs_less_than_100_kilobytes() -> None:
    assert sum(path.stat().st_size for path in FILES) < 100_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_an_address_outside(path: Path) -> None:
    """Nor markup where text belongs, nor what the policy forbids."""
    text = path.read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(", text)
    assert not re.search(r"""\sstyle="|\son[a-z]+=["'{]""", text)


@pytest.mark.parametrize("strips", [True, False])
def test_the_page_works_at_a_path_of_its_own(tiny_store: Path, strips: bool) -> None:
    """Every address in it and in its modules resolves."""
    with running(tiny_store, root_path=PREFIX) as server, proxy(server, strips=strips) as base:
        page = httpx.get(f"{base}/")
        asked = {urljoin(f"{base}/", address) for address in addresses(page.text)}
        modules = {
            urljoin(f"{base}/web/", address) for name in ASSETS for address in addresses((FOLDER / name).read_text())
        }
        answers = {address: httpx.get(address).status_code for address in asked | modules}
    assert {f"{base}/web/main.js", f"{base}/web/viewer.js", f"{base}/docs"} <= answers.keys()
    assert set(answers.values()) == {200}
