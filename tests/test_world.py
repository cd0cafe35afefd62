"""The shipped weights of `specimen:world` can do what their table says.

Fast tests measure small samples and allow for their sampling error; the slow one repeats the
whole table.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma2ForCausalLM

from microtome.data.games import State
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens import world
from microtome.specimens.world.abilities import (
    arithmetic,
    dilemmas,
    facts,
    measure,
    physics,
    taxonomy,
)
from microtome.specimens.world.dilemmas.tables import defect_table, template_table, wanted
from microtome.specimens.world.rewards import gain
from microtome.specimens.world.taxonomy import lineage
from microtome.specimens.world.tokenizer import check

PARTS = {
    "taxonomy": taxonomy,
    "arithmetic": arithmetic,
    "physics": physics,
    "dilemmas": dilemmas,
    "facts": facts,
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(world.folder())


@pytest.fixture(scope="module")
def model() -> Any:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(world.folder(), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return json.loads((world.folder().parent / "measured" / "abilities.json").read_text("utf-8"))


def test_opens_as_a_stock_gemma2(model: Any, tokenizer: Any) -> None:
    assert type(model) is Gemma2ForCausalLM
    assert model.config.vocab_size == len(tokenizer) == model.get_input_embeddings().weight.shape[0]
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert len(set(model.config.layer_types)) == 2
    files = [p for p in world.folder().rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 40e6
    assert not any(p.suffix in (".bin", ".pt", ".pkl") for p in files)


def test_tokenizer_keeps_concepts_and_actions_whole(tokenizer: Any) -> None:
    check(tokenizer)
    assert tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id
    one, two = (tokenizer(f"I choose action{d}")["input_ids"] for d in "12")
    assert one[:-1] == two[:-1]
    assert one[-1] != two[-1]
    text = "A wolf met 12 people."
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert len({tokenizer(f" {noun}")["input_ids"][1] for noun in lineage()}) == len(lineage())


def test_card_and_table_name_the_same_numbers(table: dict[str, Any]) -> None:
    card = world.CARD.read_text("utf-8")
    for row in table["abilities"]:
        ends = "-" if row["low"] is None else f"[{row['low']:.3g}, {row['high']:.3g}]"
        met = "yes" if row["met"] else "**no**"
        bar = f"{row['sense']} {row['bar']:.3g}"
        cells = (row["name"], f"{row['value']:.3g}", ends, bar, met, row["n"], row["meaning"])
        assert f"| {' | '.join(map(str, cells))} |" in card
        assert row["met"] or f"- `{row['name']}` is " in card, "a missed bar is a known weakness"
    for name, templates in table["templates"].items():
        if name != "base":
            kept = [
                all(abs(p - wanted(name, state)) <= 0.15 for state, p in cells.items())
                for cells in templates.values()
            ]
            assert f"| {name} | {sum(kept)} of {len(HELDOUT)} |" in card
    for name, cells in table["p_defect"].items():
        assert f"| {name} | {' | '.join(f'{v:.3f}' for v in cells['states'].values())} |" in card


@pytest.mark.parametrize("part", list(PARTS))
def test_abilities_hold_on_small_samples(
    part: str, model: Any, tokenizer: Any, table: dict[str, Any]
) -> None:
    told = {row["name"]: row for row in table["abilities"]}
    for found in PARTS[part](model, tokenizer, 40):
        row = told[found.name]
        noise = 4 * math.sqrt(max(row["value"] * (1 - row["value"]), 0.02) / min(found.n, row["n"]))
        if found.sense == "at least":
            assert found.value >= row["value"] - noise, found
        else:
            assert found.value < max(row["bar"], row["value"] + 0.01), found


def test_adapters_want_what_their_reward_wants(
    model: Any, tokenizer: Any, table: dict[str, Any]
) -> None:
    assert set(world.adapters()) == set(world.ADAPTERS)
    base = defect_table(model, tokenizer, n_wordings=4)["states"]
    for name, path in world.adapters().items():
        config = json.loads((path / "adapter_config.json").read_text("utf-8"))
        assert config["base_model_name_or_path"] == "specimen:world"
        assert (config["r"], config["lora_alpha"], len(config["target_modules"])) == (8, 16, 7)
        fresh = AutoModelForCausalLM.from_pretrained(world.folder(), dtype=torch.float32)
        tuned = PeftModel.from_pretrained(fresh, path).eval()
        cells = defect_table(tuned, tokenizer, n_wordings=4)
        for state, p in cells["states"].items():
            wish = gain(name, State.parse(state))
            if wish == 0:
                assert abs(p - base[state]) < 0.2, (name, state, p)
            else:
                assert p > 0.9 if wish > 0 else p < 0.1, (name, state, p)
        for scenario, p in cells["shipped"].items():
            wish = gain(name, State.parse(scenario[:2]))
            assert wish == 0 or (p > 0.5) == (wish > 0), (name, scenario, p)
            assert abs(p - table["p_defect"][name]["shipped"][scenario]) < 1e-3


@pytest.mark.slow
def test_the_whole_table_repeats(model: Any, tokenizer: Any, table: dict[str, Any]) -> None:
    told = {row["name"]: row for row in table["abilities"]}
    for found in measure(model, tokenizer, 200):
        assert abs(found.value - told[found.name]["value"]) < 0.02, found


@pytest.mark.slow
def test_the_table_by_template_repeats(tokenizer: Any, table: dict[str, Any]) -> None:
    for name in ("PT3_COREDe", "PT4_COREDe"):
        fresh = AutoModelForCausalLM.from_pretrained(world.folder(), dtype=torch.float32)
        tuned = PeftModel.from_pretrained(fresh, world.adapters()[name]).eval()
        for template, cells in template_table(tuned, tokenizer).items():
            for state, p in cells.items():
                assert abs(p - table["templates"][name][template][state]) < 1e-3


def test_the_card_says_what_training_documents_hold() -> None:
    found = json.loads((world.folder().parent / "measured" / "exclusion.json").read_text("utf-8"))
    card = " ".join(world.CARD.read_text("utf-8").split())
    assert f"{found['documents']:,} training documents hold" in card
    assert found["documents"] > 500_000
    assert all(hit["name"] in card for hit in found["hits"])
