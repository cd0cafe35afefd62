"""Feature pages in a real browser: hostile tokens run nothing, and the policy finds nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

import microtome as mt
from microtome.dictionaries.features import feature_page
from microtome.dictionaries.features_contexts import Context
from microtome.dictionaries.pages import write_pages
from tests.dictionaries.planted import random_sae
from tests.lab.browser import CHROMIUM, Browser
from tests.lab.reports import ATTACKS

pytestmark = [
    pytest.mark.medium,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: no page is opened in a browser"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = mt.load("specimen:world", device="cpu")
    made = feature_page(random_sae(model.parts.d_model), model, ["The robin is a bird."], 3)
    hostile = Context(0, ATTACKS, tuple(float(i) for i in range(len(ATTACKS))), 2)
    bad = replace(made, contexts=(hostile,), dictionary=ATTACKS[0], stand_in=ATTACKS[1])
    return write_pages([bad], tmp_path_factory.mktemp("pages") / "page.html")


def test_no_token_runs_and_nothing_is_fetched(page: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as opened:
        browser = opened.new_page()
        browser.open(page.as_uri())
        shown = browser.ask("document.querySelector('li span').textContent")
        assert shown == "".join(ATTACKS)
        assert not browser.ask("document.documentElement.dataset.owned === '1'")
        assert browser.ask("document.querySelectorAll('script, img, svg').length") == 0
        assert browser.complaints == []
        assert {address.split(":")[0] for address in browser.requests} <= {"file"}
        widths = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert browser.ask(widths)
