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

BASE, HYBRID = "base", "PT4_COREDe"
"""Hybrid answers in kind and Base is undecided: by its reward the gaps have both signs."""
ALIKE = ("L0H2", "L1_ATTN", "L2_MLP", "L3_MLP", "L0_resid_post", "L1_resid_post", "L2_resid_post")


def _study(**fields):
    pairs = {"models": (BASE, HYBRID), "pairs": (f"{BASE}:{HYBRID}", f"{HYBRID}:{BASE}")}
    return Dilemmas(model="specimen:world", device="cpu", **{**pairs, **fields})


@pytest.fixture(scope="module")
def patched():
    """All patches between Base and Hybrid on the 15 shipped prompts."""
    study, step = _study(), Patching()
    models = load_models(study)
    products = [step.compute(unit, models, study) for unit in step.units(study)]
    return pd.DataFrame([row for p in products for row in p.tables["patching_results"]])


@pytest.fixture(scope="module")
def plain():
    """Both models in transformers, and the prompts by scenario."""
    hybrid = Plain(world.folder(), world.adapters()[HYBRID])
    return {BASE: Plain(world.folder(), None), HYBRID: hybrid}, prompts_of(_study())


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
def test_gaps_of_this_pair_have_both_signs(patched, plain):
    """Towards defection where the opponent defected, towards cooperation where it did not."""
    models, scenarios = plain
    own = patched[patched["source"] == HYBRID].drop_duplicates(["scenario", "variant"])
    own = own.set_index(["scenario", "variant"])
    for scenario, prompts in scenarios.items():
        for p in prompts:
            gap = models[HYBRID].delta(p.prompt) - models[BASE].delta(p.prompt)
            assert (gap > 0) == (scenario[1] == "D"), scenario
            row = own.loc[scenario, p.variant]
            assert row["donor_delta"] - row["baseline_delta"] == pytest.approx(gap, abs=1e-3)


@pytest.mark.medium
@pytest.mark.parametrize(("source", "target"), [(BASE, HYBRID), (HYBRID, BASE)])
def test_a_share_counts_towards_the_source_on_every_prompt(patched, plain, source, target):
    rows = pd.DataFrame(summarised(patched, _study())).set_index(["source", "component"])
    apart = []
    for name in ALIKE:
        expected, ratio_of_means = _recomputed(plain, source, target, name)
        assert rows.loc[(source, name), "normalised"] == pytest.approx(expected, abs=1e-4)
        apart.append(abs(ratio_of_means - expected))
    assert max(apart) > 0.05, "the ratio of means is another number"


@pytest.mark.medium
def test_the_largest_share_and_the_figures_follow_it(patched, plain):
    study = _study()
    summary = summarised(patched, study)
    own = patched[(patched["source"] == BASE) & (patched["kind"] != "resid")]
    signs = np.sign(own["donor_delta"] - own["baseline_delta"])
    towards = (signs * own["delta_change"]).groupby(own["component"]).mean()
    largest = str(towards.abs().idxmax())
    first = next(r for r in ranked(summary) if (r["source"], r["rank"]) == (BASE, 1))
    assert first["component"] == largest
    tables = {
        "patching_results": patched,
        "patching_summary": pd.DataFrame(summary),
        "patching_top": pd.DataFrame(ranked(summary)),
    }
    figures = {figure.name: figure for figure in patching_figures(study, tables)}
    lines = {one.label: one.y for one in figures["patch_residual_stream"].series}
    resid = [_recomputed(plain, HYBRID, BASE, f"L{i}_resid_post")[0] for i in range(3)]
    assert lines["Hybrid → Base"][:3] == pytest.approx(resid, abs=1e-4)
    strongest = figures["cross_experiment_summary"]
    cell = strongest.values[strongest.rows.index(largest), 0]
    assert cell == pytest.approx(_recomputed(plain, BASE, HYBRID, largest)[0], abs=1e-4)


@pytest.mark.medium
@pytest.mark.parametrize("source", [BASE, HYBRID])
def test_flips_count_where_the_receiver_had_a_side(patched, source):
    """At the median |Δ| of the receiver half of the prompts still have a side, at 99 none."""
    own = patched[(patched["source"] == source) & (patched["kind"] != "resid")]
    side = own["baseline_delta"].abs()
    found = {}
    for floor in (0.0, 0.1, float(side.median()), 99.0):
        study = _study(flip_floor=floor)
        pairs = across_pairs(patched, summarised(patched, study), study)
        (counts,) = [p.counts for p in pairs if p.source == source]
        turned = own[own["action_flipped"] & (side >= floor)]
        assert counts["n_flipping"] == turned["component"].nunique()
        assert counts["n_flipping_anywhere"] == own[own["action_flipped"]]["component"].nunique()
        found[floor] = counts["n_flipping"]
    assert found[0.0] == counts["n_flipping_anywhere"]
    assert found[99.0] == 0
    fewer = [found[floor] for floor in sorted(found)]
    assert fewer == sorted(fewer, reverse=True), "a higher floor counts no more"


@pytest.mark.medium
def test_prompts_near_0_flip_and_are_not_counted(patched):
    """Base is undecided, so that some swap turns an answer that hardly was one."""
    own = patched[(patched["source"] == HYBRID) & (patched["kind"] != "resid")]
    turned = own[own["action_flipped"]]
    floor = float(turned["baseline_delta"].abs().min()) + 1e-6
    study = _study(flip_floor=floor)
    rows = pd.DataFrame(summarised(patched, study)).set_index(["source", "component"])
    near = turned[turned["baseline_delta"].abs() < floor]
    assert len(near) >= 1
    for name, part in near.groupby("component"):
        row = rows.loc[(HYBRID, name)]
        assert row["flips_anywhere"] - row["flips"] == len(part)


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
