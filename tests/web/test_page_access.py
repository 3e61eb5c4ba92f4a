"""The page by keyboard alone, for a screen reader, in both themes and on a phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.running import Running
from tests.web.conftest import SECONDS, answered, drop, film

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}


def violations(page: Page) -> list[str]:
    """What axe finds, by rule and element."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("() => axe.run()")
    return [f"{each['id']}: {node['target']}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize(
    ("theme", "size"),
    [("dark", DESKTOP), *(pytest.param("light", size, marks=pytest.mark.long) for size in (DESKTOP, PHONE))],
    ids=["dark", "light", "phone"],
)
def test_axe_finds_no_violation(browser: Browser, server: Running, theme: str, size: dict[str, int]) -> None:
    """Empty, with a film and its map, with the layers, with a refusal's words, and with the table."""
    with browser.new_context(viewport=size, color_scheme=theme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(f"http://127.0.0.1:{server.port}/")
        expect(page.locator("#model-name")).to_have_text("pneumonet/3")
        found = violations(page)
        page.locator("#example-hand").click()
        answered(page)
        page.locator("#map").click()
        expect(page.locator("#map-told")).to_contain_text("logit")
        page.locator("label", has_text="Cover").click()
        found += violations(page)
        page.locator("#tab-layers").click()
        expect(page.locator(".layer").first).to_be_visible()
        found += violations(page)
        broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"hello"}
        drop(page, film(), broken)
        expect(page.locator("#progress-told")).to_contain_text("3 of 3 done")
        page.locator("footer summary").click()
        found += violations(page)
        page.locator("#table-body button", has_text="broken").click()
        found += violations(page)
        assert found == []


def test_axe_would_find_one(page: Page) -> None:
    page.evaluate("() => document.getElementById('theme').replaceChildren()")
    assert violations(page) == ["button-name: ['#theme']"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_theme_is_the_systems_until_it_is_changed(browser: Browser, server: Running, theme: str) -> None:
    with browser.new_context(color_scheme=theme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        ground = "() => getComputedStyle(document.body).backgroundColor"
        first = page.evaluate(ground)
        assert first == {"dark": "rgb(14, 17, 20)", "light": "rgb(238, 240, 242)"}[theme]
        page.locator("#theme").click()
        assert page.evaluate(ground) != first
        page.locator("#theme").click()
        assert page.evaluate(ground) == first


def test_a_phone_needs_no_scrolling_sideways(browser: Browser, server: Running) -> None:
    """With the answer above the film."""
    with browser.new_context(viewport=PHONE, has_touch=True) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.locator("#example-opacity").tap()
        answered(page)
        page.locator("#map").tap()
        wide = "() => document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= PHONE["width"]
        answer, stage = page.locator("#answer").bounding_box(), page.locator("#stage").bounding_box()
        assert answer is not None
        assert stage is not None
        assert answer["y"] < stage["y"]
        drop(page, film(), film(1))
        expect(page.locator("#progress-told")).to_contain_text("3 of 3 done")
        assert page.evaluate(wide) <= PHONE["width"]


def focus(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    """Ask, read, change the operating point, see the map, pan, window, cover, see the layers, walk the table."""
    focus(page, "#example-opacity")
    page.keyboard.press("Enter")
    answered(page)
    expect(page.locator("#readout")).to_contain_text("640 × 512")
    focus(page, "input[name=point]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#answer")).to_contain_text("operating point high-specificity")
    page.keyboard.press("h")
    expect(page.locator("#map-panel")).to_be_visible()
    focus(page, "#stage")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#readout")).to_contain_text("W 247")
    page.keyboard.press("c")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#cover-told")).to_contain_text("percentage points")
    page.keyboard.press("Shift+Tab")
    focus(page, "#tab-film")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".layer").first).to_be_visible()
    drop(page, film(1), film(2))
    expect(page.locator("#progress-told")).to_have_text("3 of 3 done")
    focus(page, "#table-body button")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#film-name")).to_have_text("film-02.png")
    expect(page.locator("#film-name")).to_be_focused()
    page.keyboard.press("p")
    expect(page.locator("#film-name")).to_have_text("film-01.png")
    page.keyboard.press("Escape")
    expect(page.locator("#table-body button").nth(1)).to_be_focused()


def test_single_keys_can_be_switched_off(page: Page) -> None:
    """For whoever speaks to the computer."""
    page.locator("#example-normal").click()
    answered(page)
    page.locator("footer summary").click()
    page.locator("#keys-on").uncheck()
    page.keyboard.press("h")
    expect(page.locator("#map-panel")).to_be_hidden()
    page.locator("#keys-on").check()
    page.keyboard.press("h")
    expect(page.locator("#map-panel")).to_be_visible()


def test_a_result_is_read_aloud(page: Page) -> None:
    """Where a screen reader listens: the answer, waiting, and what covering changed."""
    live = page.evaluate(
        "() => ['answer', 'status', 'cover-told'].map((id) => document.getElementById(id))"
        ".map((one) => one.ariaLive ?? one.role)"
    )
    assert live == ["polite", "status", "status"]
    page.locator("#example-normal").click()
    answered(page)
    said = page.locator("#answer .scale").get_attribute("aria-label")
    assert said is not None
    for words in ("Probability of", "in use", "abstention band"):
        assert words in said
