"""The card says what was measured: intervals, templates, exclusion, and each bar missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, Gemma2ForCausalLM

import dictionary_scores
import specimen_architecture
from card import Measured, exclusion, weaknesses, write_card
from microtome.data.games import SCENARIOS, STATE_NAMES
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens import world
from microtome.specimens.world.ability import Ability
from microtome.specimens.world.dilemmas.tables import wanted

LOST = [template.name for template in HELDOUT[:5]]


def score(value: float) -> dict[str, float]:
    return {"value": value, "low": value / 2, "high": 2 * value}


def dictionary(name: str, fvu: float, l0: float) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "d_dict": 64, "dead": 0.01}
    row |= {"tokens": 100, "fresh_tokens": 90}
    row |= {"fvu": score(fvu), "l0": score(l0), "kl": score(0.1), "ce_recovered": score(0.99)}
    row |= {"fvu_shuffled": score(2), "ce_recovered_shuffled": score(-1)}
    return row | {"bars": dictionary_scores.bars(name), "met": dictionary_scores.met(row)}


def tables(name: str) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """P(defect) as the reward asks for; PT3_COREUt misses it in one state of five templates."""
    asked = {s: wanted(name, s) if name != "base" else 0.5 for s in STATE_NAMES}
    by_scenario = {s.name: asked[s.state.name] for s in SCENARIOS}
    states = {"states": asked, "wordings": by_scenario, "shipped": by_scenario}
    templates = {t.name: dict(asked) for t in HELDOUT}
    if name == "PT3_COREUt":
        for lost in LOST:
            templates[lost]["CD"] = 0.3
    return {**states, "neither": {"largest": 0.001}}, templates


@pytest.fixture
def measured() -> Measured:
    names = ("base", *world.ADAPTERS)
    abilities = [
        Ability.share("facts.recall", [True] * 198 + [False] * 2, 0.95, "recalls a fact").row(),
        Ability.share("facts.wording", [True] * 150 + [False] * 50, 0.95, "in new words").row(),
        Ability("dilemmas.neither", 0.002, 0.01, "below", 200, "largest P(neither)").row(),
    ]
    found = {
        "abilities": abilities,
        "p_defect": {name: tables(name)[0] for name in names},
        "templates": {name: tables(name)[1] for name in names},
    }
    hits = [{"name": "a/b.jsonl:3", "found": "x", "document": d} for d in ("one", "one", "two")]
    return Measured(
        found,
        {"documents": 1_063_920, "excluded": 8406, "hits": hits},
        {"commit": "abc1234", "tokens": 49_152_000, "steps": 12_000, "seed": 0},
        {
            "steps": 5000, "batch": 2048, "commit": "abc1234", "texts": 400,
            "dictionaries": [dictionary("resid_post_0", 0.05, 18),
                             dictionary("transcoder_3", 0.12, 15)],
        },
    )  # fmt: skip


def test_the_card_holds_the_tables(measured: Measured, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(world.folder())
    model = Gemma2ForCausalLM(specimen_architecture.config(tokenizer))
    write_card(tmp_path / "CARD.md", measured, model)
    card = (tmp_path / "CARD.md").read_text("utf-8")
    assert "| facts.recall | 0.99 | [0.964, 0.999] | at least 0.95 | yes | 200 |" in card
    assert "| dilemmas.neither | 0.002 | - | below 0.01 | yes | 200 |" in card
    assert f"| PT3_COREUt | 19 of 24 | {', '.join(LOST)} |" in card
    assert "| PT4_COREDe | 24 of 24 | none |" in card
    assert "| PT3_COREUt | 0.000 | 0.300 | 0.000 | 0.000 |" in card, "the largest distance"
    assert f"| {LOST[0]} | " in card
    assert "12000 steps of 16 x 256" in card
    assert "{" not in card.replace("\\boxed{...}", ""), "every slot is filled"


def test_every_missed_bar_is_a_weakness(measured: Measured) -> None:
    found = weaknesses(measured)
    assert [line.split("`")[1] for line in found if "`" in line] == ["facts.wording"]
    assert "- PT3_COREUt keeps 19 of 24 held-out templates, the bar is 20." in found
    assert found[-1].startswith("- The dictionary transcoder_3 has FVU 0.12 at L0 15")
    assert len(found) == 3


def test_exclusion_counts_documents_and_names_what_they_hold(measured: Measured) -> None:
    assert exclusion(measured.exclusion) == (
        "2 of the 1,063,920 training documents hold one of the 8,406 excluded texts: a/b.jsonl:3."
    )
    clean = {**measured.exclusion, "hits": []}
    assert exclusion(clean).startswith("None of the 1,063,920 training documents holds one")


@pytest.mark.parametrize(
    ("name", "fvu", "l0", "met"),
    [("resid_post_0", 0.06, 20, True), ("resid_post_0", 0.061, 15, False),
     ("resid_post_0", 0.01, 21, False), ("transcoder_4", 0.10, 20, True),
     ("transcoder_4", 0.11, 12, False)],
)  # fmt: skip
def test_bars_of_a_dictionary(name: str, fvu: float, l0: float, met: bool) -> None:
    row = dictionary(name, fvu, l0)
    assert row["met"] is met
    assert dictionary_scores.verdict(row).endswith(": met" if met else ": NOT met")
