"""One film on the page: words, map, window, layers, covering, files, refusal and key."""

from __future__ import annotations

import base64
import json
import re

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.conftest import encode, film_pixels
from tests.drawn import draw_film
from tests.imaging.dicom.made import make_film
from tests.running import Running, running
from tests.web.conftest import STORE, answered, drop, film

GRAY_AT = """([x, y]) => {
    const canvas = document.getElementById('canvas');
    return [...canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
}"""


def ask(server: Running, query: str = "") -> dict[str, object]:
    """What the service answers to the dropped film."""
    answer = server.client.post(f"/predict{query}", content=film()["buffer"])  # type: ignore[arg-type]
    assert answer.status_code == 200
    told: dict[str, object] = answer.json()
    return told


def pixel(page: Page, x: float, y: float) -> list[int]:
    """RGBA at shares of the canvas, after the next drawing."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    colour: list[int] = page.evaluate(GRAY_AT, [x, y])
    return colour


def test_a_dropped_film_is_answered_in_words(page: Page, server: Running) -> None:
    """Class, probability, threshold, warnings, what it is not, and which model said so."""
    drop(page, film())
    answer = answered(page)
    told = ask(server)
    expect(answer.locator(".headline")).to_contain_text(str(told["class"]))
    expect(answer).to_contain_text(f"{100 * float(str(told['probability'])):.1f} %")
    for warning in told["warnings"]:  # type: ignore[attr-defined]
        expect(answer).to_contain_text(warning["detail"])
    expect(page.locator("#identity")).to_contain_text("Not a medical device")
    expect(page.locator("#identity")).to_contain_text("pneumonet/3")
    expect(page.locator("#film-name")).to_have_text("film-00.png")


def test_the_scale_shows_the_operating_points_and_the_abstention_band(page: Page, server: Running) -> None:
    """Where GET /model puts them."""
    model = server.client.get("/model").json()
    drop(page, film())
    answered(page)
    ticks = page.evaluate("() => [...document.querySelectorAll('.tick')].map((tick) => parseFloat(tick.style.left))")
    assert ticks == pytest.approx(sorted(100 * point for point in model["operating_points"].values()), abs=0.01)
    band = page.evaluate(
        "() => ['left', 'width'].map((side) => parseFloat(document.querySelector('.band').style[side]))"
    )
    low, high = model["refer_band"]["low"], model["refer_band"]["high"]
    assert band == pytest.approx([100 * low, 100 * (high - low)], abs=0.01)


def test_another_operating_point_needs_no_request(page: Page, server: Running) -> None:
    """The page then says, and saves, what the service says at that operating point."""
    drop(page, film())
    answered(page)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    for point in ("high-specificity", "high-sensitivity", "balanced"):
        page.locator(f"#point-{point}").check()
        told = ask(server, f"?operating_point={point}")
        expect(page.locator("#answer .headline")).to_contain_text(str(told["class"]))
        with page.expect_download() as saved:
            page.locator("#save-json").click()
        answer = json.loads(saved.value.path().read_text())
        assert answer == told
    assert [request for request in asked if "predict" in request.url] == []


def test_what_was_measured_stands_beside_each_operating_point(page: Page, server: Running) -> None:
    """Sensitivity and specificity with intervals, on the films that are chosen."""
    metrics = server.client.get("/model").json()["metrics"]
    drop(page, film())
    answered(page)
    for choice, measured in (("0", metrics["test"][0]), ("1", metrics["validation"])):
        page.locator("#measured-on").select_option(choice)
        row = page.locator("#points-body tr", has_text="balanced")
        for name in ("sensitivity", "specificity"):
            estimate = measured["operating_points"]["balanced"][name]
            expect(row).to_contain_text(f"{100 * estimate['value']:.1f} %")
            expect(row).to_contain_text(f"{100 * estimate['low']:.1f} to {100 * estimate['high']:.1f}")


def test_the_map_comes_on_demand_and_goes(page: Page) -> None:
    """The film alone at first; H; less of it with less opacity; none again."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#example-opacity").click()
    answered(page)
    expect(page.locator("#readout")).to_contain_text("640 × 512")
    assert not any("activation_maps" in url for url in asked)
    red, green, blue, _ = bare = pixel(page, 0.42, 0.55)
    assert red == green == blue
    page.keyboard.press("h")
    expect(page.locator("#map-told")).to_contain_text("logit")
    expect(page.locator("#map-scale")).to_contain_text("±0.15 logits")
    full = pixel(page, 0.42, 0.55)
    assert full[0] > full[2] + 30, "towards PNEUMONIA is orange"
    page.locator("#opacity").fill("30")
    faint = pixel(page, 0.42, 0.55)
    assert full[2] < faint[2] < bare[2]
    page.locator("label", has_text="Contour").click()
    expect(page.locator("#map-scale")).to_contain_text("Lines")
    page.keyboard.press("h")
    assert pixel(page, 0.42, 0.55) == bare
    assert sum("activation_maps=cam" in url for url in asked) == 1


def test_a_map_is_enlarged_as_the_service_does(page: Page) -> None:
    """OpenCV's cubic interpolation."""
    values = np.random.default_rng(0).normal(0, 1, (10, 7)).astype(np.float32)
    page.goto(page.url)
    enlarged = page.evaluate(
        "async (values) => [...(await import('./web/map.js')).enlarge(values, 64, 96).data]", values.tolist()
    )
    expected = cv2.resize(values, (64, 96), interpolation=cv2.INTER_CUBIC)
    assert np.reshape(enlarged, (96, 64)) == pytest.approx(expected, abs=1e-4)


def test_the_colour_of_a_map_is_the_same_on_every_film(page: Page) -> None:
    """Nothing at zero, orange towards, blue against, and no stronger than the strongest."""
    colours = page.evaluate(
        """async () => {
            const { colourOf } = await import('./web/map.js');
            return [0, 0.15, 0.3, -0.15, 0.075].map((value) => colourOf(value, 0.15));
        }"""
    )
    assert [colour[3] for colour in colours] == [0, 166, 166, 166, 83]
    assert colours[1][:3] == [213, 94, 0]
    assert colours[3][:3] == [0, 114, 178]


def test_dragging_changes_window_and_level(page: Page) -> None:
    """To the right wider, downwards darker; I inverts, R resets."""
    page.locator("#example-normal").click()
    readout = page.locator("#readout")
    expect(readout).to_have_text("W 255 L 128 · 100 % · 640 × 512")
    before = pixel(page, 0.5, 0.5)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 40, steps=3)
    page.mouse.up()
    expect(readout).to_contain_text("W 195 L 148")
    assert pixel(page, 0.5, 0.5) != before
    page.keyboard.press("r")
    page.keyboard.press("i")
    assert pixel(page, 0.5, 0.5)[0] == 255 - before[0]
    page.keyboard.press("+")
    expect(readout).to_contain_text("125 %")
    page.keyboard.press("r")
    expect(readout).to_contain_text("W 255 L 128 · 100 %")
    assert pixel(page, 0.5, 0.5) == before


def test_layers_stand_behind_their_tab_each_named(page: Page, server: Running) -> None:
    drop(page, film())
    answered(page)
    page.locator("#tab-layers").click()
    expect(page.locator(".layer").first).to_be_visible()
    maps = ask(server, "?activation_maps=layers")["activation_maps"]
    assert page.locator(".layer figcaption").all_inner_texts() == [each["layer"] for each in maps]  # type: ignore[attr-defined]
    loaded = (
        "() => [...document.querySelectorAll('.layer img')].every((image) => image.complete && image.naturalWidth > 0)"
    )
    page.wait_for_function(loaded)


def test_covering_a_region_moves_the_probability(page: Page) -> None:
    """Against the same picture uncovered, both without the gate."""
    page.locator("#example-opacity").click()
    answered(page)
    expect(page.locator("#readout")).to_contain_text("640 × 512")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("c")
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.48 * box["width"], box["y"] + 0.8 * box["height"], steps=3)
    page.mouse.up()
    told = page.locator("#cover-told")
    expect(told).to_contain_text("percentage points")
    found = re.search(r"Probability ([\d.]+) % → ([\d.]+) %", told.inner_text())
    assert found is not None
    assert float(found[1]) > float(found[2]) + 1
    assert len(asked) == 2
    assert all(url.endswith("predict?gate=off") for url in asked)


@pytest.mark.long
def test_a_picture_that_is_saved_says_what_it_is(page: Page) -> None:
    """At the film's own size, with a strip of words under it."""
    page.locator("#example-normal").click()
    answered(page)
    expect(page.locator("#readout")).to_contain_text("640 × 512")
    with page.expect_download() as saved:
        page.locator("#save-png").click()
    assert saved.value.suggested_filename == "Drawing, normal-overlay.png"
    picture = cv2.imdecode(np.frombuffer(saved.value.path().read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape[1] == 640
    assert picture.shape[0] > 512
    assert picture[512:].max() == 255


@pytest.mark.parametrize(("name", "kind"), [("deep.png", "image/png"), ("film.dcm", "application/dicom")])
def test_what_no_browser_can_show_is_shown_as_the_service_renders_it(page: Page, name: str, kind: str) -> None:
    """A DICOM film, and a PNG with 12 of its 16 bits in use, which a browser shows nearly black."""
    deep = film_pixels().astype(np.uint16) * 16
    data = encode(deep, ".png") if name == "deep.png" else make_film(deep, 12)
    drop(page, {"name": name, "mimeType": kind, "buffer": data})
    answered(page)
    expect(page.locator("#readout")).to_contain_text("as the service renders it")
    brightest = page.evaluate(
        """() => {
            const { width, height } = document.getElementById('canvas');
            const { data } = document.getElementById('canvas').getContext('2d').getImageData(0, 0, width, height);
            return data.reduce((most, value, index) => (index % 4 === 0 ? Math.max(most, value) : most), 0);
        }"""
    )
    assert brightest > 200


def test_a_problem_stands_where_the_answer_would(page: Page) -> None:
    """With the service's own sentence."""
    drop(page, {"name": "<b>note</b>.txt", "mimeType": "text/plain", "buffer": b"hello"})
    expect(page.locator("#answer")).to_contain_text("Expected the bytes of a JPEG, PNG or DICOM image")
    expect(page.locator("#film-name")).to_have_text("<b>note</b>.txt")
    expect(page.locator("#stage-told")).to_contain_text("cannot be shown")


def test_a_service_that_fails_says_so(page: Page) -> None:
    """Instead of a page that waits for ever."""
    problem = {"type": "/problems/internal-error", "title": "No", "status": 500, "detail": "The service failed."}
    page.route("**/model", lambda route: route.fulfill(status=500, json=problem))
    page.reload()
    expect(page.locator("#status")).to_have_text("The page cannot start: The service failed.")


def test_what_the_gate_refuses_can_be_asked_without_it(browser: Browser) -> None:
    """The refusal comes with its reason; the answer then with a warning."""
    with running(STORE) as strict, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{strict.port}/")
        upside_down = encode(np.ascontiguousarray(draw_film("NORMAL", 1)[::-1]), ".png")
        drop(page, {"name": "turned.png", "mimeType": "image/png", "buffer": upside_down})
        expect(page.locator("#answer .headline")).to_contain_text("Refused")
        refusal = strict.client.post("/predict", content=upside_down).json()
        expect(page.locator("#answer")).to_contain_text(refusal["detail"])
        page.locator("#answer button", has_text="Ask without the gate").click()
        answered(page)
        expect(page.locator("#answer .warnings")).to_contain_text("Gate off")


def test_a_key_is_asked_for_and_kept_for_the_session(page: Page) -> None:
    """A wrong one is asked for again; no other storage knows it."""
    keys: list[str | None] = []

    def guard(route: Route) -> None:
        keys.append(route.request.headers.get("x-api-key"))
        if keys[-1] == "right":
            route.continue_()
            return
        problem = {"type": "/problems/unauthorized", "title": "No", "status": 401, "detail": "Expected a key."}
        route.fulfill(status=401, json=problem, content_type="application/problem+json")

    page.route("**/predict*", guard)
    drop(page, film())
    form = page.locator("#key-form")
    for key in ("wrong", "right"):
        expect(form).to_be_visible()
        expect(form).to_contain_text("Expected a key.")
        page.locator("#key").fill(key)
        page.keyboard.press("Enter")
    answered(page)
    assert keys == [None, "wrong", "right"]
    drop(page, film(1))
    expect(page.locator("#film-name")).to_have_text("film-01.png")
    answered(page)
    assert keys[3:] == ["right"]
    assert page.evaluate("() => [Object.values(sessionStorage), localStorage.length, document.cookie]") == [
        ["right"],
        0,
        "",
    ]


def test_no_policy_is_violated_and_nothing_is_asked_elsewhere(page: Page, server: Running) -> None:
    """From the first byte, through map, layers and files; a reload forgets the film."""
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    drop(page, film())
    answered(page)
    expect(page.locator("#readout")).to_contain_text("280 × 240")
    page.keyboard.press("h")
    expect(page.locator("#map-told")).to_contain_text("logit")
    for button in ("#save-png", "#save-json"):
        with page.expect_download():
            page.locator(button).click()
    page.locator("#tab-layers").click()
    expect(page.locator(".layer").first).to_be_visible()
    page.reload()
    expect(page.locator("#intake h2")).to_be_visible()
    expect(page.locator("#one")).to_be_hidden()
    assert said == []
    # Files that are saved, and the layers' pictures, come from the page itself.
    base = f"http://127.0.0.1:{server.port}/"
    assert {url for url in asked if not url.startswith((base, "data:image/png", f"blob:{base}"))} == set()


def test_the_policy_stops_what_is_not_the_pages_own(page: Page) -> None:
    """Or the test before could not fail."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    stopped = page.evaluate("() => fetch('https://example.org/').then(() => false, () => true)")
    assert stopped
    assert any("Content Security Policy" in text for text in said)


def test_the_page_works_behind_a_path(browser: Browser) -> None:
    """As where a proxy leaves it in front."""
    with running(STORE, gate="off", root_path="/xray") as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/xray/")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(httpx.URL(request.url).path))
        drop(page, film())
        answered(page)
        assert [path for path in asked if not path.startswith("/xray/web/")] == ["/xray/predict"]


def test_pasting_a_picture_asks_about_it(page: Page) -> None:
    page.evaluate(
        """(encoded) => {
            const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
            document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));
        }""",
        base64.b64encode(film()["buffer"]).decode(),  # type: ignore[arg-type]
    )
    answered(page)
    expect(page.locator("#film-name")).to_have_text("image.png")
