"""Shares of gaps of both signs, recomputed without the engine; what they refuse to divide by."""

import numpy as np
import pandas as pd
import pytest

from microtome.specimens import world
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.across import across_pairs, sum_of_singles
from microtome.studies.dilemmas.design import share_of_gap
from microtome.studies.dilemmas.effects import ranked, summarised
from microtome.studies.dilemmas.figures.patching import patching_figures
from microtome.studies.dilemmas.models import load_models
from microtome.studies.dilemmas.patching import Patching
from microtome.studies.dilemmas.wordings import prompts_of
from tests.dilemmas.plain import Plain, signed_share

DE, UT = "PT3_COREDe", "PT3_COREUt"


def _study(**fields):
    pairs = {"models": (DE, UT), "pairs": (f"{DE}:{UT}", f"{UT}:{DE}")}
    return Dilemmas(model="specimen:world", device="cpu", **{**pairs, **fields})


@pytest.fixture(scope="module")
def patched():
    """All patches between Deontological and Utilitarian on the 15 shipped prompts."""
    study, step = _study(), Patching()
    models = load_models(study)
    products = [step.compute(unit, models, study) for unit in step.units(study)]
    return pd.DataFrame([row for p in products for row in p.tables["patching_results"]])


@pytest.fixture(scope="module")
def plain():
    """Both fine-tunes in transformers, and the prompts by scenario."""
    both = {name: Plain(world.folder(), world.adapters()[name]) for name in (DE, UT)}
    return both, prompts_of(_study())


def _recomputed(plain, source, target, name):
    """The share of one component, or of one layer's residual stream, with hooks alone."""
    models, scenarios = plain
    effects, gaps = [], []
    for prompt in (p.prompt for prompts in scenarios.values() for p in prompts):
        donor = models[source].delta(prompt)
        before = models[target].delta(prompt)
        effects.append(models[target].delta(prompt, models[source], [name]) - before)
        gaps.append(donor - before)
    return signed_share(effects, gaps), sum(effects) / sum(gaps)


@pytest.mark.medium
def test_gaps_of_this_pair_have_both_signs(plain):
    models, scenarios = plain
    gaps = [
        np.mean([models[UT].delta(p.prompt) - models[DE].delta(p.prompt) for p in prompts])
        for prompts in scenarios.values()
    ]
    assert gaps == pytest.approx([3.4, 0.28, -12.2, -0.58, -12.8], abs=0.06)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("source", "target", "name", "share"),
    [
        (DE, UT, "L2_MLP", 0.64),
        (DE, UT, "L1_ATTN", 0.12),
        (UT, DE, "L0H2", 0.63),
        (UT, DE, "L0_resid_post", 0.38),
        (UT, DE, "L1_resid_post", 0.41),
        (UT, DE, "L2_resid_post", 0.51),
    ],
)
def test_a_share_counts_towards_the_source_on_every_prompt(
    patched, plain, source, target, name, share
):
    expected, ratio_of_means = _recomputed(plain, source, target, name)
    assert expected == pytest.approx(share, abs=0.006)
    assert abs(ratio_of_means - expected) > 0.05, "the ratio of means is another number"
    rows = pd.DataFrame(summarised(patched, _study())).set_index(["source", "component"])
    assert rows.loc[(source, name), "normalised"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.medium
def test_the_largest_share_and_the_figures_follow_it(patched):
    study = _study()
    summary = summarised(patched, study)
    first = next(r for r in ranked(summary) if (r["source"], r["rank"]) == (DE, 1))
    assert first["component"] == "L2_MLP"
    tables = {
        "patching_results": patched,
        "patching_summary": pd.DataFrame(summary),
        "patching_top": pd.DataFrame(ranked(summary)),
    }
    figures = {figure.name: figure for figure in patching_figures(study, tables)}
    lines = {one.label: one.y for one in figures["patch_residual_stream"].series}
    assert lines["Utilitarian → Deontological"][:3] == pytest.approx([0.38, 0.41, 0.51], abs=6e-3)
    strongest = figures["cross_experiment_summary"]
    cell = strongest.values[strongest.rows.index("L2_MLP"), 0]
    assert cell == pytest.approx(0.64, abs=6e-3)


@pytest.mark.medium
def test_flips_count_where_the_receiver_had_a_side(patched):
    """29 components turn an answer somewhere, and one of them where |Δ| was 0.1 or more."""
    own = patched[(patched["source"] == UT) & (patched["kind"] != "resid")]
    clear = own[own["baseline_delta"].abs() >= 0.1]
    assert own[own["action_flipped"]]["component"].nunique() == 29
    assert clear[clear["action_flipped"]]["component"].nunique() == 1
    study = _study()
    (pair,) = [
        p for p in across_pairs(patched, summarised(patched, study), study) if p.source == UT
    ]
    assert (pair.counts["n_flipping"], pair.counts["n_flipping_anywhere"]) == (1, 29)
    lower = _study(flip_floor=0.0)
    (pair,) = [
        p for p in across_pairs(patched, summarised(patched, lower), lower) if p.source == UT
    ]
    assert pair.counts["n_flipping"] == 29


def _frame(effects, gaps):
    scenario = [f"s{i % 5}" for i in range(len(gaps))]
    return pd.DataFrame(
        {"scenario": scenario, "variant": range(len(gaps)), "effect": effects, "gap": gaps}
    )


@pytest.mark.parametrize("resample", ["scenarios", "wordings"])
def test_a_share_and_its_interval_are_the_formula(resample):
    rng = np.random.default_rng(0)
    gaps = rng.choice([-1, 1], 30) * rng.uniform(0.5, 3, 30)
    effects = 0.4 * gaps + 0.1 * rng.normal(size=30)
    share = share_of_gap(_frame(effects, gaps), "effect", "gap", _study(resample=resample))
    assert share.value == pytest.approx(signed_share(effects, gaps))
    assert share.low < share.value < share.high
    assert share.excludes(0)


def test_a_share_over_scenarios_of_unequal_size_is_the_formula():
    """Three wordings carry the whole gap, twelve a third of it."""
    rng = np.random.default_rng(0)
    gaps = np.r_[np.full(3, 8.0), np.full(12, 3.0)] + 0.2 * rng.normal(size=15)
    effects = np.r_[gaps[:3], gaps[3:] / 3] + 0.1 * rng.normal(size=15)
    frame = _frame(effects, gaps).assign(scenario=["a"] * 3 + ["b"] * 12)
    share = share_of_gap(frame, "effect", "gap", _study(resample="wordings"))
    assert share.value == pytest.approx(signed_share(effects, gaps))
    assert share.low < signed_share(effects, gaps) < share.high


def test_a_share_over_other_wordings_covers():
    """Three wordings of five scenarios whose gaps and shares differ as the specimen's do."""
    rng, covered, n = np.random.default_rng(0), 0, 150
    gap, share = np.array([3.4, 0.3, -12.2, -0.6, -12.8]), np.array([0.6, -1, 0.5, 0.8, 0.3])
    true = signed_share(share * gap, gap)
    for _ in range(n):
        gaps = gap * (1 + 0.15 * rng.normal(size=(3, 5)))
        effects = share * gaps + 0.15 * gap * rng.normal(size=(3, 5))
        frame = _frame(effects.ravel(), gaps.ravel())
        found = share_of_gap(frame, "effect", "gap", _study(resample="wordings", resamples=499))
        covered += found.low <= true <= found.high
    assert covered / n > 0.92
    over = share_of_gap(frame, "effect", "gap", _study())
    assert over.low is None
    assert "denominator may be 0" in over.reason, "of other scenarios this says nothing"


def test_no_share_of_gaps_that_are_nearly_nothing():
    """Three gaps of 0.01 to 0.05 make a share of them a share of rounding."""
    tiny = np.array([0.05, -0.01, 0.03, 0.02, 0.04])
    assert share_of_gap(_frame(tiny, tiny), "effect", "gap", _study()) is None
    one_large = np.array([0.05, -0.01, 0.03, 0.02, 4.0])
    assert share_of_gap(_frame(one_large, one_large), "effect", "gap", _study()).value == 1


def test_attention_is_not_counted_beside_its_heads():
    kinds = {"L0H0": "head", "L0H1": "head", "L0_ATTN": "attn", "L0_MLP": "mlp"}
    shares = {"L0H0": 0.1, "L0H1": 0.2, "L0_ATTN": 0.3, "L0_MLP": 0.4}
    rows = [{"kind": kinds[name], "normalised": share} for name, share in shares.items()]
    assert sum_of_singles(rows) == pytest.approx(0.7)
    assert sum_of_singles([*rows, {"kind": "mlp", "normalised": None}]) is None
