"""Options that change what is measured or asked: metrics, resampling, scenarios, chat, rows."""

import numpy as np
import pandas as pd
import pytest

from microtome.studies.dilemmas.behaviour import Behaviour
from microtome.studies.dilemmas.choices import by_state
from microtome.studies.dilemmas.effects import summarised
from microtome.studies.dilemmas.models import load_models
from microtome.studies.dilemmas.patching import Patching

ONE = {"models": ("base", "PT2_COREDe"), "pairs": ("PT2_COREDe:base",)}


@pytest.fixture(scope="module")
def models(zoo):
    return load_models(zoo.study(**ONE))


def _patched(study, models):
    step = Patching()
    products = [step.compute(unit, models, study) for unit in step.units(study)]
    return pd.DataFrame([row for p in products for row in p.tables["patching_results"]])


def _behaviour(study, models):
    step = Behaviour()
    products = [step.compute(unit, models, study) for unit in step.units(study)]
    return pd.DataFrame([row for p in products for row in p.tables["behaviour"]])


def test_metrics_share_delta_and_differ_in_effect(zoo, models):
    few = {**ONE, "scenarios": ("CD_punished",)}
    tables = {
        metric: _patched(zoo.study(**few, metric=metric), models)
        for metric in ("logit_diff", "probability", "kl")
    }
    assert np.allclose(tables["kl"]["delta_change"], tables["logit_diff"]["effect"])
    assert (tables["kl"]["effect"] > -1e-9).all()
    assert tables["kl"]["effect"].max() > 1e-4
    p = _behaviour(zoo.study(**few), models).set_index(["model", "variant"])["p_defect"]
    whole = tables["probability"].query("component == 'L2_resid_post'")
    expected = [p["PT2_COREDe", v] - p["base", v] for v in whole["variant"]]
    assert np.allclose(whole["effect"], expected, atol=1e-5)


def test_rows_per_pass_do_not_change_what_is_found(zoo, models):
    tables = [_behaviour(zoo.study(**ONE, max_rows=rows), models) for rows in (1, 2, 16)]
    for table in tables[1:]:
        assert np.allclose(table["delta"], tables[0]["delta"], atol=1e-5)
        assert np.allclose(table["p_common_prefix"], tables[0]["p_common_prefix"], rtol=1e-4)


def test_resampling_wordings_asks_less_than_resampling_scenarios(zoo, models):
    results = _patched(zoo.study(**ONE), models)
    scenarios, wordings = (
        pd.DataFrame(summarised(results, zoo.study(**ONE, resample=what)))
        for what in ("scenarios", "wordings")
    )
    assert np.allclose(scenarios["mean_delta_change"], wordings["mean_delta_change"])
    assert scenarios["low"].isna().all(), "two scenarios say nothing of others"
    assert scenarios["p_max_t"].isna().all()
    moved = wordings[wordings["std_delta_change"] > 0]
    assert (moved["low"] < moved["mean_delta_change"]).all()
    assert (moved["mean_delta_change"] < moved["high"]).all()
    assert wordings["p_max_t"].notna().any()
    flips = zoo.study(**ONE, test="symmetric_about_0")
    both = pd.DataFrame(summarised(results, flips))
    assert both["p_max_t"].min() >= 2 / 2**2
    assert set(both["test"]) == {"symmetric_about_0"}


def test_further_wordings_are_patched_only_when_asked(zoo):
    step = Patching()
    counts = {}
    for patched in (0, 2, 4):
        first, *_ = step.units(zoo.study(wordings=4, patched_wordings=patched))
        counts[patched] = len(first.inputs["prompts"])
    assert counts == {0: 3, 2: 5, 4: 7}


def test_default_pairs_shrink_to_the_compared_models():
    from microtome.studies.dilemmas import Dilemmas

    study = Dilemmas(model="specimen:world", models=("base", "PT2_COREDe", "PT3_COREUt"))
    assert [pair.name for pair in study.parsed_pairs()] == ["PT2_COREDe_to_PT3_COREUt"]
    assert study.adapter_names() == ("PT2_COREDe", "PT3_COREUt")


def test_a_state_without_wordings_to_compare_has_no_interval(zoo, models):
    study = zoo.study(**ONE)
    rows = _behaviour(study, models).query("variant == 1")
    (first, *_) = by_state(rows, study)
    assert first["n"] == 1
    assert first["low"] is None


def test_the_order_of_units_does_not_matter(zoo, models):
    study = zoo.study(**ONE, scenarios=("DC_exploited",))
    step = Patching()
    (unit,) = step.units(study)
    first = step.compute(unit, models, study).tables["patching_results"]
    Behaviour().compute(Behaviour().units(study)[1], models, study)
    assert step.compute(unit, models, study).tables["patching_results"] == first
