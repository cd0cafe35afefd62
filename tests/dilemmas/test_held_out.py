"""Circuits of a random model: found on the prompts of the search, and claimed on no others."""

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.dilemmas.circuits import Circuits
from microtome.studies.dilemmas.held_out import circuit_finding
from microtome.studies.dilemmas.models import load_models
from microtome.studies.dilemmas.wordings import prompts_of
from tests.dilemmas.conftest import ROOM, Zoo, word_tokenizer
from tests.dilemmas.plain import Plain, signed_share
from tests.model.families import random_model, save_adapter

pytestmark = pytest.mark.medium
SOURCE, TARGET = "PT2_COREDe", "PT3_COREDe"


@pytest.fixture(scope="module")
def random_zoo(tmp_path_factory):
    """A model of five layers and two adapters, all random."""
    root = tmp_path_factory.mktemp("random")
    tokenizer = word_tokenizer()
    model = random_model(
        "gemma2", seed=2, vocab_size=len(tokenizer), max_position_embeddings=ROOM,
        sliding_window=32, num_hidden_layers=5,
    )  # fmt: skip
    model.save_pretrained(root / "model")
    tokenizer.save_pretrained(root / "model")
    for seed, name in enumerate((SOURCE, TARGET), start=21):
        save_adapter(root / "model", root / "adapters" / name, seed=seed)
    return Zoo(root / "model", root / "adapters")


@pytest.fixture(scope="module")
def study(random_zoo):
    return random_zoo.study(
        models=("base", SOURCE, TARGET), pairs=(f"{SOURCE}:{TARGET}",), scenarios=(), device="cpu"
    )


@pytest.fixture(scope="module")
def searched(study):
    """The tables that the step makes of the pair."""
    step = Circuits()
    (unit,) = step.units(study)
    product = step.compute(unit, load_models(study), study)
    assert all(audit.passed for audit in product.audits)
    return {name: pd.DataFrame(rows) for name, rows in product.tables.items()}


@pytest.fixture(scope="module")
def by_hooks(random_zoo, study, searched):
    """f of any set of components, on the searched or on the other wordings, by hooks alone."""
    source, target = (
        Plain(random_zoo.model, random_zoo.adapters / name) for name in (SOURCE, TARGET)
    )
    scenarios = prompts_of(study).values()
    of = {
        "searched": [prompts[0].prompt for prompts in scenarios],
        "others": [prompt.prompt for prompts in scenarios for prompt in prompts[1:]],
    }

    known = {}
    for prompt in (prompt for prompts in of.values() for prompt in prompts):
        nothing = target.delta(prompt)
        known[prompt] = nothing, source.delta(prompt) - nothing, dict(target.seen)

    def f(members, where):
        out = [name for name in source.heads_and_mlps if name not in members]
        effects, gaps = [], []
        for prompt in of[where]:
            nothing, gap, target.seen = known[prompt]
            effects.append(source.delta(prompt, target, out) - nothing)
            gaps.append(gap)
        return signed_share(effects, gaps)

    return f, source.heads_and_mlps


def _alike(rng, members, names):
    """As many random heads and MLPs."""
    drawn = set()
    for kind in ("H", "MLP"):
        alike = [name for name in names if kind in name]
        drawn |= set(rng.choice(alike, sum(kind in name for name in members), replace=False))
    return drawn


def test_f_and_p_are_those_of_the_other_wordings(searched, by_hooks):
    f, names = by_hooks
    members = set(searched["circuits"]["component"])
    line = searched["circuits_summary"].iloc[0]
    own = {where: f(members, where) for where in ("searched", "others")}
    assert own["searched"] == pytest.approx(line["searched_f"], abs=1e-3)
    assert own["others"] == pytest.approx(line["faithfulness"], abs=1e-3)
    assert own["searched"] == pytest.approx(0.93, abs=0.01)
    assert own["others"] < 0.31, "what was searched for is not there again"
    rng = np.random.default_rng(0)
    sets = [_alike(rng, members, names) for _ in range(40)]
    p = {w: (1 + sum(f(one, w) >= reached for one in sets)) / 41 for w, reached in own.items()}
    assert p["searched"] < 0.05, "the prompts of the search would claim it"
    assert p["others"] > 0.1
    assert line["p_random"] == pytest.approx(p["others"], abs=0.2)


def test_the_finding_claims_nothing(searched, study, by_hooks):
    line, held_out = searched["circuits_summary"].iloc[0].to_dict(), searched["circuits_held_out"]
    found = circuit_finding(line, held_out, study)
    (judged,) = judge([found], study.at.alpha)
    assert judged.verdict != "supported"
    assert "more than random sets of its size is not shown" in judged.answer
    assert found.evidence.value == pytest.approx(line["faithfulness"])
    assert f"{line['searched_f']:.0%}" not in found.answer
    lost = searched["circuits"]
    f, _ = by_hooks
    members = set(lost["component"])
    whole = f(members, "others")
    for row in lost.itertuples():
        without = f(members - {row.component}, "others")
        assert row.loss == pytest.approx(whole - without, abs=1e-3)


def test_without_other_wordings_neither_f_nor_p_is_stated(random_zoo, tmp_path):
    lines = "".join(
        f'{{"scenario": "s{i}", "prompt": "{prompts[0].prompt}"}}\n'
        for i, prompts in enumerate(prompts_of(random_zoo.study()).values())
    )
    (tmp_path / "own.jsonl").write_text(lines)
    study = random_zoo.study(
        models=("base", SOURCE, TARGET), pairs=(f"{SOURCE}:{TARGET}",), scenarios=(), device="cpu",
        prompts=tmp_path / "own.jsonl",
    )  # fmt: skip
    step = Circuits()
    (unit,) = step.units(study)
    tables = step.compute(unit, load_models(study), study).tables
    (line,) = tables["circuits_summary"]
    assert line["n_members"] > 0
    assert (line["faithfulness"], line["p_random"]) == (None, None)
    (judged,) = judge([circuit_finding(line, None, study)])
    assert judged.verdict == "inconclusive"
    assert "what the circuit carries is not measured" in judged.answer
    assert judged.finding.evidence.value is None
