"""The report says everything, links lead somewhere, and no text it shows becomes an element."""

import html.parser
import itertools
import re
from pathlib import Path
from urllib.parse import unquote

from microtome.lab.record import Record
from microtome.lab.run import conclude

from .reports import ATTACKS


class Reader(html.parser.HTMLParser):
    """What a browser would make of the page: elements, attributes, text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def page(record: Record) -> str:
    return record.folder.report.read_text()


def test_no_attack_becomes_an_element(hostile: Record, innocent: Record) -> None:
    for tag, attributes in Reader(page(hostile)).tags:
        assert tag not in ("img", "iframe", "object", "svg", "base", "form", "link")
        assert not [name for name in attributes if name.startswith("on")]
        assert not (attributes.get("href") or "").lower().startswith("javascript")
    scripts = [a.get("type") for tag, a in Reader(page(hostile)).tags if tag == "script"]
    assert scripts.count("application/json") == len(ATTACKS)
    assert len(scripts) == len(ATTACKS) + 2


def test_nothing_is_fetched_and_every_link_leads_somewhere(
    hostile: Record, innocent: Record
) -> None:
    for record in (hostile, innocent):
        for _, attributes in Reader(page(record)).tags:
            assert "src" not in attributes
            link = attributes.get("href") or ""
            if link and not link.startswith("#"):
                assert (record.path / unquote(link)).is_file(), link


def test_plotly_is_there_once_and_only_with_figures(innocent: Record, tmp_path: Path) -> None:
    assert page(innocent).count("plotly.js v") == 1
    assert 4.5e6 < len(page(innocent)) < 6e6


def test_findings_come_first_with_their_interval(innocent: Record) -> None:
    text = page(innocent)
    assert text.index("Strategic defects in every state.") < text.index('class="plot"')
    assert "0.93 probability [0.88, 0.97] · n = 75" in text
    assert "control: shuffled labels" in text
    assert re.search(r"self-patch.*?FAILED", text, re.S)
    assert "1 audit failed." in text
    assert "<strong>Specimen.</strong>" in text


def test_the_report_is_made_anew_from_files_alone(innocent: Record) -> None:
    before = page(innocent)
    innocent.folder.report.unlink()
    conclude(innocent.folder, innocent.manifest)
    assert page(innocent) == before


def test_headings_do_not_skip_and_figures_have_names(innocent: Record) -> None:
    tags = Reader(page(innocent)).tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = {attributes.get("id") for _, attributes in tags}
    for tag, attributes in tags:
        if attributes.get("class") == "plot":
            assert attributes["aria-labelledby"] in ids
        if tag == "html":
            assert attributes["lang"] == "en"
