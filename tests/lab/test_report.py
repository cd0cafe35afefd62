"""The report opens offline in a real browser, draws every figure, and runs no text it shows."""

import html.parser
import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import numpy as np
import pytest

from microtome.audit import Audit
from microtome.lab.figures import BarGroup, Bars, Grid, Heatmap, Lines, Series
from microtome.lab.listing import write_index
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.study import Conclusion, Cost, Finding, Product, Step, Study, Unit
from microtome.lab.terminal import quiet

from .gallery import gallery

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
MARK = "document.documentElement.dataset.owned=1"
ATTACKS = (
    f"<script>{MARK}</script>", f"<img src=x onerror={MARK}>", f"\"><svg onload={MARK}>",
    f"</script><script>{MARK}</script>", f"' onmouseover='{MARK}' autofocus onfocus='{MARK}",
    f"<a href=\"javascript:{MARK}\">x</a>", f"<!--<script>{MARK}//", f"{{{{ {MARK} }}}}",
    f"]]><script>{MARK}</script>", "<style>*{background:url(http://x.invalid/)}</style>",
)  # fmt: skip


class Hostile(Study):
    """Every text that reaches the report is an attack."""

    name: ClassVar[str] = "hostile"
    summary: ClassVar[str] = ATTACKS[0]

    model: str = ATTACKS[3]
    """No model."""
    attack: bool = True
    """Whether the texts are attacks."""

    def chain(self) -> tuple[Step, ...]:
        return (Attack(),) if self.attack else (Show(),)

    def provenance(self) -> dict[str, Any]:
        return {ATTACKS[2]: ATTACKS[3], "stand_in": ATTACKS[1], "specimen": True}

    def warm(self) -> Any:
        return None

    def dry(self) -> "Hostile":
        return self

    @classmethod
    def demo(cls) -> "Hostile":
        return cls()


class Show(Step):
    """The gallery, with innocent words."""

    name = "gallery"
    summary = "One figure of every kind."

    def units(self, study: Hostile) -> list[Unit]:
        return [Unit("one", {"n": 1})]

    def compute(self, unit: Unit, warm: Any, study: Hostile) -> Product:
        audits = (Audit("completeness gap", 3e-7, 1e-5), Audit("self-patch", 2e-3, 1e-5))
        return Product({"rows": [{"layer": i, "delta": i / 7} for i in range(30)]}, {}, audits)

    def cost(self, study: Hostile) -> Cost:
        return Cost(0, 0, 0)

    def conclude(self, study: Hostile, tables: Any, arrays: Any) -> Conclusion:
        text = "Strategic defects in every state."
        return Conclusion([Finding(text, 0.93, 0.88, 0.97, "probability", 75, "shuffled labels")])

    def figures(self, study: Hostile, tables: Any, arrays: Any) -> list[Any]:
        return gallery()


class Attack(Step):
    """The same places, filled with attacks."""

    name = ATTACKS[4]
    summary = ATTACKS[5]

    def units(self, study: Hostile) -> list[Unit]:
        return [Unit(text, {"n": i}) for i, text in enumerate(ATTACKS)]

    def compute(self, unit: Unit, warm: Any, study: Hostile) -> Product:
        rows = [{unit.name: text, "text": text} for text in ATTACKS]
        return Product({unit.name: rows}, {unit.name: np.ones(1)}, [Audit(unit.name, 1, 0)])

    def cost(self, study: Hostile) -> Cost:
        return Cost(0, 0, 0)

    def conclude(self, study: Hostile, tables: Any, arrays: Any) -> Conclusion:
        found = [Finding(t, 1.0, 0.0, 2.0, unit=t, n=3, control=t) for t in ATTACKS]
        audits = [Audit(f"{t}!", 1.0, 0.0, "<=", note=t) for t in ATTACKS]
        return Conclusion(found, {}, {t: {t: t} for t in ATTACKS}, audits)

    def figures(self, study: Hostile, tables: Any, arrays: Any) -> list[Any]:
        drawn = []
        for i, t in enumerate(ATTACKS):
            line = Lines(f"l{i}{t}", t, t, (Series(t, [0, 1], [0, 1]),) * 2, t, t)
            heat = Heatmap(f"h{i}", t, t, np.eye(2), [t, "b"], [t, "b"], t, t, t, annotate=True)
            bars = Bars(f"b{i}", t, t, [t], (BarGroup(t, [1.0]),), t, t)
            drawn += [line, heat, bars, Grid(f"g{i}", t, t, (line, line), columns=2)]
        return drawn


def made(home: Path, attack: bool) -> Record:
    command = ["microtome", "run", *ATTACKS] if attack else ["microtome", "run", "gallery"]
    return run(Hostile(output_dir=home, attack=attack), command=command, terminal=quiet())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return made(tmp_path_factory.mktemp("hostile"), attack=True)


@pytest.fixture(scope="module")
def innocent(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return made(tmp_path_factory.mktemp("innocent"), attack=False)


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
    assert scripts.count("application/json") == 4 * len(ATTACKS)
    assert len(scripts) == 4 * len(ATTACKS) + 2


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
    assert "0.93 probability [0.88, 0.97] · n = 75 · control: shuffled labels" in text
    assert re.search(r"self-patch.*?FAILED", text, re.S)
    assert "1 audit failed." in text
    assert "<strong>Specimen.</strong>" in text


def test_the_report_is_made_anew_from_files_alone(innocent: Record) -> None:
    from microtome.lab.run import conclude

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


def browse(address: str, profile: Path, *flags: str) -> tuple[str, str]:
    """The page after its scripts ran, and what the console said."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the report was not opened in a browser")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--enable-logging=stderr", f"--user-data-dir={profile}",
        "--virtual-time-budget=20000", "--window-size=1300,2000", *flags, address,
    ]  # fmt: skip
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, capture_output=True, timeout=300, env=environment)
    console = [line for line in done.stderr.decode().splitlines() if "CONSOLE" in line]
    return done.stdout.decode(), "\n".join(console)


@pytest.mark.medium
def test_browser_draws_every_figure_without_a_word(innocent: Record, tmp_path: Path) -> None:
    address = innocent.folder.report.as_uri() + "#all"
    dom, console = browse(address, tmp_path, "--dump-dom")
    assert console == ""
    assert dom.count('data-state="drawn"') == len(gallery())
    assert dom.count("svg-container") >= len(gallery())


@pytest.mark.medium
def test_browser_draws_only_what_is_near(innocent: Record, tmp_path: Path) -> None:
    dom, console = browse(innocent.folder.report.as_uri(), tmp_path, "--dump-dom")
    assert console == ""
    assert 0 < dom.count('data-state="drawn"') < len(gallery())


@pytest.mark.medium
def test_browser_runs_no_attack(hostile: Record, tmp_path: Path) -> None:
    dom, console = browse(hostile.folder.report.as_uri() + "#all", tmp_path / "a", "--dump-dom")
    assert dom.count('data-state="drawn"') == 4 * len(ATTACKS)
    assert "data-owned" not in re.match(r".*?<html[^>]*>", dom, re.S).group()
    # The policy would report a blocked attempt here: escaping alone left nothing to block.
    assert console == ""
    index = write_index(hostile.path.parent.parent)
    dom, console = browse(index.as_uri(), tmp_path / "b", "--dump-dom")
    assert "hostile/" in dom
    assert console == ""
    assert "data-owned" not in re.match(r".*?<html[^>]*>", dom, re.S).group()


@pytest.mark.medium
def test_the_policy_itself_stops_a_script(innocent: Record, tmp_path: Path) -> None:
    """Were an attack ever to slip through the escaping, the browser would refuse to run it."""
    text = page(innocent).replace(
        "<main>", f"<main><script>{MARK}</script><img src=x onerror={MARK}>"
    )
    (tmp_path / "slipped.html").write_text(text)
    dom, console = browse((tmp_path / "slipped.html").as_uri(), tmp_path / "p", "--dump-dom")
    assert "Content Security Policy" in console
    assert "data-owned" not in re.match(r".*?<html[^>]*>", dom, re.S).group()
