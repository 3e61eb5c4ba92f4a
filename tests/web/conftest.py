"""Debian's Chromium before a real server with the bundled model."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.conftest import encode
from tests.drawn import draw_film
from tests.running import Running, running

STORE = Path(__file__).parents[2] / "model_store"
CHROMIUM = shutil.which("chromium")
SECONDS = 10_000

expect.set_options(timeout=SECONDS)


def film(seed: int = 0, label: str = "PNEUMONIA") -> dict[str, object]:
    """A drawn film as Playwright hands over files."""
    return {"name": f"film-{seed:02d}.png", "mimeType": "image/png", "buffer": encode(draw_film(label, seed), ".png")}


def drop(page: Page, *files: dict[str, object]) -> None:
    """Drop files as from a file manager."""
    sent = [{**file, "buffer": base64.b64encode(file["buffer"]).decode()} for file in files]  # type: ignore[arg-type]
    page.evaluate(
        """files => {
            const transfer = new DataTransfer();
            for (const { name, mimeType, buffer } of files) {
                const bytes = Uint8Array.from(atob(buffer), (character) => character.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: mimeType }));
            }
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        }""",
        sent,
    )


def answered(page: Page) -> Locator:
    """The answer of the open film, once it is there."""
    answer = page.locator("#answer")
    expect(answer.locator(".scale")).to_be_visible()
    return answer


# A module each: while Playwright runs, no other test of the process may run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: the page is not tested in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[Running]:
    """The bundled model, without its gate, which refuses drawings."""
    with running(STORE, gate="off") as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Page]:
    """The page, in a context of its own."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True) as context:
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page
