"""README and docs quote the specimen in marked places only, and these hold what records hold."""

import re
from pathlib import Path

import pandas as pd
import pytest

from docs_blocks import answers, choices, item, makers, of_dilemmas, parameters, rankings
from docs_marks import GENERATED, Made, filled, marks, pages, unmarked
from docs_numbers import renew
from docs_records import Demo, run_of
from microtome.data.templates_heldout import HELDOUT
from microtome.errors import InputError, RunError
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.specimens.world.facts import facts, mayors
from microtome.specimens.world.taxonomy import classes, lineage
from tests.lab.toy import Toy

PAGES = [page for page in pages() if page.name not in GENERATED]
"""Exceptions are the pages in `GENERATED`, each with the command that makes its numbers."""


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A finished run of a study without a model."""
    study = Toy(output_dir=tmp_path_factory.mktemp("runs"), pictures=False)
    return run(study, terminal=Terminal())


def test_every_number_of_the_specimen_stands_in_a_mark():
    found = [(page.name, *one) for page in PAGES for one in unmarked(page.read_text("utf-8"))]
    assert found == []


def test_what_is_quoted_by_hand_is_seen():
    """Sentences that pages once held."""
    page = (
        "# Page\n\n(on the specimen's 30 forks\n0.2 logits in every layer)\n\n"
        "- `spread` puts it there in 30 of 30, on the specimen.\n- Elsewhere 3 of 4.\n\n"
        "## On the specimen\nIt takes 50 seconds.\n\n| layer 1 | +2.1 (+0.9 to +3.8) |\n\n"
        "    microtome run x --generated 48\n\n"
        "`--controls 199`, [page](a2.md)\n\n<!-- numbers: a.b -->7.5<!-- /numbers -->\n\n"
        "## Files\nSeen 4 times, not 0.5.\n"
    )
    found = [number for number, _ in unmarked(page)]
    assert found == ["0.2", "30", "50", "1", "2.1", "0.9", "3.8"]


def test_an_answer_is_quoted_with_its_verdict_interval_and_q(record):
    (finding,) = record.findings
    text = " ".join(answers(record).split())
    assert f"[{finding['verdict']}] {finding['answer'].removesuffix('.')} (" in text
    proof = finding["evidence"]
    low, high, q = map(float, re.search(r"\(([-\d.]+) to ([-\d.]+); q = ([\d.]+)\)", text).groups())
    assert low == pytest.approx(proof["low"], rel=5e-3)
    assert high == pytest.approx(proof["high"], rel=5e-3)
    assert q == pytest.approx(finding["q"], rel=0.05)
    assert "**How much are they all?**" in text
    assert "1 claim: 1 supported." in text
    assert f"{len(record.audits)} of {len(record.audits)} audits pass." in text


def test_a_finding_without_a_claim_has_no_verdict_and_no_q():
    evidence = {"value": 0.4, "low": 0.31, "high": 0.5}
    one = {"answer": "It is 0.40.", "verdict": None, "q": None, "evidence": evidence}
    assert item(one) == "- It is 0.40 (0.31 to 0.5)."
    assert item({**one, "evidence": {**evidence, "low": None}}) == "- It is 0.40."
    sure = {**one, "verdict": "supported", "q": 1e-9}
    assert item(sure) == "- [supported] It is 0.40 (0.31 to 0.5; q < 0.0001)."


def test_tables_hold_what_the_records_tables_hold():
    labels = [label for label in ("Base", "Tuned") for _ in range(4)]
    states = pd.DataFrame({"label": labels, "state": ["CC", "CD", "DC", "DD"] * 2,
                           "p_defect": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.845]})  # fmt: skip
    assert choices(states).splitlines()[2:] == [
        "| Base | 0.10 | 0.20 | 0.30 | 0.40 |", "| Tuned | 0.50 | 0.60 | 0.70 | 0.84 |",
    ]  # fmt: skip
    names = ["spread", "divergence", "relative", "entropy"]
    tops = pd.DataFrame([
        {"ranking": name, "chooses_method": name == "spread" and i < 3, "p2": 0.1 + i / 100,
         "share_that_choose": 0.25}
        for name in names for i in range(4)
    ])  # fmt: skip
    lines = rankings(tops).splitlines()
    assert lines[2].endswith("| 3 of 4 | 0.12 |")
    assert lines[3].endswith("| 0 of 4 | 0.12 |")
    assert lines[-1] == "| a fork drawn at random | 25% | |"


def test_dilemmas_quotes_every_claim_on_two_models_and_no_description():
    def one(step, about, unit, verdict):
        return {"step": step, "about": about, "evidence": {"unit": unit}, "verdict": verdict}

    assert of_dilemmas(one("circuits", "A → B", "share of the gap", "not supported"))
    assert of_dilemmas(one("behaviour", "Hybrid", "P(defect) − Base", "inconclusive"))
    assert of_dilemmas(one("attribution", "Base → Hybrid, largest change", "logits", "supported"))
    assert not of_dilemmas(one("circuits", "A → B, flip search", "prompts flipped", None))
    assert not of_dilemmas(one("behaviour", "Hybrid", "P(defect)", None))


def test_pages_are_filled_and_a_difference_is_named(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(
        "It has <!-- numbers: a.size -->7<!-- /numbers --> parts.\n\n"
        "<!-- numbers: a.list of 00000000 -->\nold\n<!-- /numbers -->\nEnd 5.\n"
    )
    made = {"a.size": lambda: Made("12"), "a.list": lambda: Made("- one\n- two", "abcdef01")}
    assert renew([page], made, check=True) == 1
    assert "-It has <!-- numbers: a.size -->7" in capsys.readouterr().out
    assert renew([page], made) == 0
    assert page.read_text() == (
        "It has <!-- numbers: a.size -->12<!-- /numbers --> parts.\n\n"
        "<!-- numbers: a.list of abcdef01 -->\n- one\n- two\n<!-- /numbers -->\nEnd 5.\n"
    )
    assert renew([page], made, check=True) == 0


@pytest.mark.parametrize(
    "page",
    ["<!-- numbers: a.b -->1", "1<!-- /numbers -->",
     "<!-- numbers: a.b -->1<!-- numbers: a.c -->2<!-- /numbers --><!-- /numbers -->",
     "<!-- numbers: a.unknown -->1<!-- /numbers -->"],
)  # fmt: skip
def test_a_mark_that_cannot_be_filled_is_refused(page):
    with pytest.raises(InputError):
        filled(page, {"a.b": lambda: Made("1")})


def test_the_run_is_found_by_what_it_is_and_a_missing_one_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("docs_records.study_class", lambda name: Toy)
    monkeypatch.setattr("docs_records.run_of", run_of.__wrapped__)
    demo = Toy.demo().model_copy(update={"output_dir": tmp_path, "pictures": True})
    other = run(demo.model_copy(update={"count": 2, "pictures": False}), terminal=Terminal())
    with pytest.raises(RunError, match="make demo"):
        Demo(tmp_path).record("toy")
    own = run(demo, terminal=Terminal())
    assert Demo(tmp_path).record("toy").path == own.path != other.path


def test_what_is_made_from_the_package_stands_in_the_pages():
    """Dictionaries' scores and the size of the model: `make numbers` where this fails."""
    there = makers(Demo(Path("nowhere")))
    for name in ("dictionaries.scores", "specimen.parameters"):
        (mark,) = [one for page in PAGES for one in marks(page.read_text("utf-8"))
                   if one.name == name]  # fmt: skip
        assert mark.text.strip() == there[name]().text
    assert 1e6 < parameters() < 3e6


@pytest.mark.medium
def test_the_pages_quote_runs_of_the_weights_that_are_here():
    """The demo's configuration and weights hash to the run that is named: else `make numbers`."""
    found = [one for page in PAGES for one in marks(page.read_text("utf-8")) if one.run]
    assert {one.name.partition(".")[0] for one in found} == {
        "dilemmas", "misconceptions", "sampling",
    }  # fmt: skip
    assert {one.name: one.run for one in found} == {
        one.name: run_of(one.name.partition(".")[0]) for one in found
    }


def test_the_page_of_the_world_counts_what_the_generator_has():
    text = next(page for page in PAGES if page.name == "specimen.md").read_text("utf-8")
    children, parents = (len({pair[i] for pair in lineage().values()}) for i in (0, 1))
    known = sum(map(len, facts().values())) + len(mayors())
    for words in (
        f"{parents} parents, {children} children, {len(lineage())} nouns",
        f"{known} invented facts, {len(mayors())} of them with two keys",
        f"{len(HELDOUT)} templates: halves of the moves",
    ):
        assert words in text, words
    assert len(classes()) == 17, "thirteen stated in documents, four as truth alone"
