"""The report in a real browser: silent, offline, drawn when looked at, and every control works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from microtome.lab.listing import write_index
from microtome.lab.record import Record

from .browser import CHROMIUM, Browser
from .gallery import gallery
from .reports import ATTACKS, MARK

pytestmark = [
    pytest.mark.medium,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: no report is opened in a browser"),
]
OWNED = "document.documentElement.dataset.owned === '1'"
DRAWN = "document.querySelectorAll('[data-state=drawn]').length"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def browser(running: Browser) -> Browser:
    return running.new_page()


def silent(browser: Browser) -> None:
    """Nothing was said on the console and nothing was asked of the network."""
    browser.ask("1")
    assert browser.complaints == []
    schemes = {address.split(":")[0] for address in browser.requests}
    assert schemes <= {"file", "data", "blob", "about"}
    assert sum(address.startswith("file:") for address in browser.requests) <= 1


def test_figures_are_drawn_when_they_come_near(browser: Browser, innocent: Record) -> None:
    browser.open(innocent.folder.report.as_uri())
    browser.until(f"{DRAWN} > 0")
    assert browser.ask(DRAWN) < len(gallery())
    for i in range(len(gallery())):
        browser.ask(f"document.querySelectorAll('.plot')[{i}].scrollIntoView()")
        browser.until(f"document.querySelectorAll('.plot')[{i}].dataset.state === 'drawn'")
    assert browser.ask("document.querySelectorAll('.plot .main-svg').length") >= len(gallery())
    silent(browser)


def test_figures_hold_their_numbers_and_legends_work(browser: Browser, innocent: Record) -> None:
    browser.open(innocent.folder.report.as_uri() + "#all")
    browser.until(f"{DRAWN} === {len(gallery())}")
    drawn = browser.ask("document.querySelectorAll('.plot')[0].data[0].z[1][1]")
    assert drawn == gallery()[0].values[1, 1]
    lines = "document.querySelectorAll('.plot')[2]"
    shown = f"{lines}.querySelectorAll('.scatterlayer .trace').length"
    before = browser.ask(shown)
    browser.ask(f"{lines}.id = 'lines'")
    browser.click("#lines .legendtoggle")
    browser.until(f"{shown} < {before}")
    silent(browser)


def test_dark_and_light_and_print(browser: Browser, innocent: Record) -> None:
    ink = "document.querySelector('.plot').layout.font.color"
    page = "getComputedStyle(document.body).backgroundColor"
    found = {}
    browser.open(innocent.folder.report.as_uri())
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.send("Emulation.setEmulatedMedia", features=features)
        browser.until(f"{DRAWN} > 0")
        browser.until(f"({ink}) === getComputedStyle(document.documentElement)"
                      ".getPropertyValue('--ink').trim()")  # fmt: skip
        found[scheme] = (browser.ask(ink), browser.ask(page))
    assert found["light"] != found["dark"]
    browser.ask("window.dispatchEvent(new Event('beforeprint'))")
    browser.until(f"{DRAWN} === {len(gallery())}")
    browser.until(f"({ink}) === '#000000'")
    silent(browser)


def test_the_keyboard_reaches_the_contents(browser: Browser, innocent: Record) -> None:
    browser.open(innocent.folder.report.as_uri())
    browser.press("Tab", 9)
    assert browser.ask("document.activeElement.textContent") == "Skip to the findings"
    assert browser.ask("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("Tab", 9)
    assert browser.ask("document.activeElement.getAttribute('href')") == "#findings"


def test_nothing_runs_over_the_edge(browser: Browser, innocent: Record) -> None:
    browser.open(innocent.folder.report.as_uri() + "#all")
    browser.until(f"{DRAWN} === {len(gallery())}")
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    for width in (1300, 360):
        browser.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        browser.until(f"document.documentElement.scrollWidth <= {width}")


def test_no_attack_runs(browser: Browser, hostile: Record) -> None:
    browser.open(hostile.folder.report.as_uri() + "#all")
    browser.until(f"{DRAWN} === {len(ATTACKS)}")
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert not browser.ask(OWNED)
    # The policy would complain of a blocked attempt: escaping alone left nothing to block.
    silent(browser)
    browser.open(write_index(hostile.path.parent.parent).as_uri())
    assert "hostile/" in browser.ask("document.body.textContent")
    assert not browser.ask(OWNED)
    assert browser.complaints == []


def test_the_policy_itself_stops_a_script(
    browser: Browser, innocent: Record, tmp_path: Path
) -> None:
    """Were an attack ever to slip through the escaping, the browser would refuse to run it."""
    slipped = f"<main><script>{MARK}</script><img src=x onerror={MARK}>"
    page = tmp_path / "slipped.html"
    page.write_text(innocent.folder.report.read_text().replace("<main>", slipped))
    browser.open(page.as_uri())
    browser.until(f"{DRAWN} > 0")
    assert not browser.ask(OWNED)
    assert any("Content Security Policy" in text for text in browser.complaints)
