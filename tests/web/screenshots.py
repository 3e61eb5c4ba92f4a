"""Take the pictures of docs/page.md anew: `python -m tests.web.screenshots`. Drawings alone are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.running import running
from tests.web.conftest import CHROMIUM, STORE, answered, drop, film

FOLDER = Path(__file__).parents[2] / "docs" / "images"
DESKTOP, PHONE = (1280, 720), (390, 844)
STEP = 10


def show_opacity(page: Page) -> None:
    page.locator("#example-opacity").click()
    answered(page)
    expect(page.locator("#readout")).to_contain_text("640 × 512")


def show_map(page: Page) -> None:
    show_opacity(page)
    page.keyboard.press("h")
    expect(page.locator("#map-told")).to_contain_text("logit")


def show_contour(page: Page) -> None:
    show_map(page)
    page.locator("label", has_text="Contour").click()


def show_table(page: Page) -> None:
    films = [film(seed, "NORMAL" if seed % 3 == 0 else "PNEUMONIA") for seed in range(18)]
    films[4] = {**films[4], "name": "cut.png", "buffer": films[4]["buffer"][:3000]}  # type: ignore[index]
    drop(page, *films)
    expect(page.locator("#progress-told")).to_have_text("18 of 18 done, 1 without an answer")


SHOTS: dict[str, tuple[str, tuple[int, int], Callable[[Page], None]]] = {
    "page-dark": ("dark", DESKTOP, show_opacity),
    "page-light": ("light", DESKTOP, show_opacity),
    "page-map": ("dark", DESKTOP, show_map),
    "page-contour": ("light", DESKTOP, show_contour),
    "page-table": ("dark", DESKTOP, show_table),
    "page-phone": ("dark", PHONE, show_opacity),
}


def take(browser: Browser, address: str, name: str) -> None:
    theme, (width, height), show = SHOTS[name]
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(address)
        show(page)
        page.evaluate("() => document.activeElement?.blur()")
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)
        stage = page.locator("#stage").bounding_box()
        shot = page.screenshot(full_page=(width, height) == PHONE)
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    if stage is not None:
        # Grain and its shades are most of the bytes; the page around the film stays as it is.
        x, y, width, height = (round(stage[side]) for side in ("x", "y", "width", "height"))
        shown = picture[y : y + height, x : x + width]
        shown[:] = shown // STEP * STEP + STEP // 2
    path = FOLDER / f"{name}.png"
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    with running(STORE, gate="off") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in SHOTS:
            take(browser, f"http://127.0.0.1:{server.port}/", name)
        browser.close()


if __name__ == "__main__":
    main()
