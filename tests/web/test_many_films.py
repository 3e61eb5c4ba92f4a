"""Many films on the page: the table, its file, and a server that is busy or gone."""

from __future__ import annotations

import csv
import io
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from batch.results import COLUMNS
from tests.running import Running, running
from tests.web.conftest import SECONDS, STORE, answered, drop, film

FILMS = 30
BROKEN = 7


def films(count: int = FILMS) -> list[dict[str, object]]:
    """Films of both kinds, one of them cut."""
    made = [film(seed, "NORMAL" if seed % 3 == 0 else "PNEUMONIA") for seed in range(count)]
    made[BROKEN] = {**made[BROKEN], "name": "=broken.png", "buffer": made[BROKEN]["buffer"][:3000]}  # type: ignore[index]
    return made


@pytest.fixture(scope="module")
def shared(browser: Browser, server: Running) -> Iterator[Page]:
    """A page on which many films were dropped once."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        at_once = [0, 0]

        def change(request: Request, step: int) -> None:
            if "predict" in request.url:
                at_once[0] += step
                at_once[1] = max(at_once)

        page.on("request", lambda request: change(request, 1))
        page.on("requestfinished", lambda request: change(request, -1))
        page.goto(f"http://127.0.0.1:{server.port}/")
        drop(page, *films())
        expect(page.locator("#progress-told")).to_have_text(f"{FILMS} of {FILMS} done, 1 without an answer")
        page.most_at_once = at_once[1]  # type: ignore[attr-defined]
        yield page


def column(page: Page, number: int) -> list[str]:
    return page.locator(f"#table-body tr > :nth-child({number})").all_inner_texts()


def test_every_film_has_a_row_and_the_broken_one_its_reason(shared: Page, server: Running) -> None:
    """Answers are the service's own."""
    sent = films()
    assert column(shared, 2) == [each["name"] for each in sent]
    row = shared.locator("#table-body tr").nth(BROKEN)
    expect(row).to_contain_text("Undecodable image")
    expect(row).to_contain_text("ends early")
    told = server.client.post("/predict", content=sent[3]["buffer"]).json()  # type: ignore[arg-type]
    expect(shared.locator("#table-body tr").nth(3)).to_contain_text(told["class"])
    expect(shared.locator("#table-body tr").nth(3)).to_contain_text(f"{100 * told['probability']:.1f} %")


def test_a_few_films_are_asked_about_at_once(shared: Page) -> None:
    assert shared.most_at_once == 3  # type: ignore[attr-defined]


def test_a_heading_sorts_both_ways(shared: Page) -> None:
    """A film without an answer stands last."""
    heading = shared.locator("#table-head button", has_text="Probability")
    for direction, step in (("descending", -1), ("ascending", 1)):
        heading.click()
        expect(shared.locator("#table-head [data-by=probability]")).to_have_attribute("aria-sort", direction)
        shown = column(shared, 4)
        assert shown[-1] == ""
        values = [float(text.removesuffix(" %")) for text in shown[:-1]]
        assert values == sorted(values, reverse=step < 0)
    shared.locator("#table-head button", has_text="No.").click()


def test_filters_leave_what_they_name(shared: Page) -> None:
    """By answer, and by what is referred."""
    refers = sum("refer" in text for text in column(shared, 5))
    assert 0 < refers < FILMS
    shared.locator("#filter-refer").check()
    expect(shared.locator("#table-body tr")).to_have_count(refers)
    shared.locator("#filter-refer").uncheck()
    shared.locator("#filter-class").select_option("none")
    expect(shared.locator("#table-body tr")).to_have_count(1)
    shared.locator("#filter-class").select_option("")
    expect(shared.locator("#table-body tr")).to_have_count(FILMS)


def test_the_table_is_saved_with_the_columns_of_score(shared: Page) -> None:
    """At the operating point in use; no name becomes a formula."""
    shared.locator("#many-point").select_option("high-sensitivity")
    with shared.expect_download() as saved:
        shared.locator("#save-csv").click()
    shared.locator("#many-point").select_option("balanced")
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text())))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == FILMS
    assert {row["operating_point"] for row in rows if not row["error"]} == {"high-sensitivity"}
    assert all(
        (float(row["probability"]) >= float(row["threshold"])) == (row["class"] == "PNEUMONIA")
        for row in rows
        if not row["error"]
    )
    assert (rows[BROKEN]["path"], rows[BROKEN]["error"]) == ("./=broken.png", "undecodable-image")
    assert (rows[BROKEN]["http_status"], rows[BROKEN]["class"]) == ("422", "")


def test_a_row_opens_its_film_and_escape_returns(shared: Page) -> None:
    """By a click anywhere in it; Next opens the one below."""
    shared.locator("#table-body tr").nth(2).locator("td").last.click()
    answered(shared)
    expect(shared.locator("#film-name")).to_have_text("film-02.png")
    shared.locator("#next").click()
    expect(shared.locator("#film-name")).to_have_text("film-03.png")
    shared.keyboard.press("Escape")
    expect(shared.locator("#table-body tr").nth(3).locator("button")).to_be_focused()


@pytest.mark.long
def test_a_busy_server_is_waited_for(page: Page, server: Running) -> None:
    """429, for as long as it lasts, and as seldom as Retry-After asks; no film is lost."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    limit = server.service.settings.max_in_flight
    server.service.admission.in_flight += limit
    try:
        drop(page, *films(10))
        expect(page.locator("#status")).to_contain_text("The server is busy")
        # Three films, asked about at once and again after Retry-After, which is 10 s at most.
        for _ in range(24):
            page.wait_for_timeout(500)
            if len(asked) > 3:
                break
        expect(page.locator("#progress-told")).to_contain_text("0 of 10 done")
        assert 3 < len(asked) <= 9
    finally:
        server.service.admission.in_flight -= limit
    expect(page.locator("#progress-told")).to_have_text("10 of 10 done, 1 without an answer")
    expect(page.locator("#status")).to_have_text("")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_server_that_goes_and_returns_loses_no_film(browser: Browser) -> None:
    """Films dropped meanwhile are answered then."""
    port = free_port()
    with browser.new_context() as context:
        page = context.new_page()
        with running(STORE, gate="off", port=port):
            page.goto(f"http://127.0.0.1:{port}/")
            expect(page.locator("#model-name")).to_have_text("pneumonet/3")
        drop(page, *films(10))
        expect(page.locator("#status")).to_contain_text("The server cannot be reached")
        expect(page.locator("#progress-told")).to_contain_text("0 of 10 done")
        with running(STORE, gate="off", port=port):
            expect(page.locator("#progress-told")).to_have_text(
                "10 of 10 done, 1 without an answer", timeout=2 * SECONDS
            )
            expect(page.locator("#status")).to_have_text("")


@pytest.mark.long
def test_removed_films_do_not_return(page: Page) -> None:
    """Even those that were being read."""
    drop(page, *films())
    page.locator("#clear").click()
    expect(page.locator("#intake h2")).to_be_visible()
    drop(page, film(40), film(41))
    expect(page.locator("#progress-told")).to_have_text("2 of 2 done")
    assert column(page, 2) == ["film-40.png", "film-41.png"]


@pytest.mark.timing
def test_500_films_stay_smooth(page: Page) -> None:
    """No frame is later than a fifth of a second while answers come and the table is sorted."""
    page.evaluate(
        """() => {
            let last = performance.now();
            window.longest = 0;
            const step = (now) => {
                window.longest = Math.max(window.longest, now - last);
                last = now;
                requestAnimationFrame(step);
            };
            window.start = () => { last = performance.now(); requestAnimationFrame(step); };
        }"""
    )
    some = [film(seed) for seed in range(20)]
    page.locator("#files").set_input_files([{**some[n % 20], "name": f"{n}.png"} for n in range(500)])  # type: ignore[list-item]
    page.evaluate("() => window.start()")
    page.locator("#table-head button", has_text="Probability").click()
    expect(page.locator("#progress-told")).to_have_text("500 of 500 done", timeout=60_000)
    longest = page.evaluate("() => window.longest")
    print(f"longest frame: {longest:.0f} ms")
    assert longest < 200
