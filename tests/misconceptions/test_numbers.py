"""Codes, effect sizes and separation: each against another way of getting it."""

import numpy as np
import pandas as pd
import pytest

from microtome.statistics import Level
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.codes import Codes, of_run, pooled
from microtome.studies.misconceptions.contrasting import Feature, Sides, cohens_d_z, contrast
from microtome.studies.misconceptions.intervals import ends, means
from microtome.studies.misconceptions.separation import interval, value


@pytest.fixture
def dense():
    values = np.random.default_rng(0).normal(0, 1, (7, 12)).astype(np.float32)
    return np.maximum(values - 0.8, 0)


def test_codes_hold_every_activation(dense):
    codes = Codes.of(dense)
    assert np.array_equal(codes.dense(12), dense.astype(float))
    assert np.array_equal(codes.dense(12, 2, 5), dense[2:5].astype(float))
    for feature in range(12):
        assert np.array_equal(codes.of_feature(feature), dense[:, feature].astype(float))
    assert np.allclose(codes.means(12), dense.mean(0))
    assert np.array_equal(codes.at([6, 1, 1]).dense(12), dense[[6, 1, 1]].astype(float))
    assert len(codes.at([])) == 0


def test_codes_of_units_are_joined_in_order(dense):
    parts = [Codes.of(dense[:3]), Codes.of(dense[3:])]
    arrays = [part.arrays(4) for part in parts]
    by_name = {name: {"one": arrays[0][name], "two": arrays[1][name]} for name in arrays[0]}
    assert np.array_equal(of_run(by_name, 4).dense(12), dense.astype(float))


def test_pooling_is_mean_or_largest_over_the_tokens_read(dense):
    codes, lengths, reads = Codes.of(dense), [3, 4], [(1, 2), (3,)]
    assert np.allclose(pooled(codes, 12, lengths, reads, "mean")[0], dense[1:3].mean(0))
    assert np.allclose(pooled(codes, 12, lengths, reads, "max")[0], dense[1:3].max(0))
    assert np.allclose(pooled(codes, 12, lengths, reads, "max")[1], dense[6])


def test_d_z_is_t_over_root_n():
    from scipy import stats

    effects = np.random.default_rng(1).normal(1, 2, (15, 4))
    t = stats.ttest_1samp(effects, 0).statistic
    assert np.allclose(cohens_d_z(effects), t / np.sqrt(15))
    assert (cohens_d_z(np.zeros((5, 1))) == 0).all()


def test_a_planted_difference_is_found_and_rare_features_are_not_tested():
    rng = np.random.default_rng(2)
    one, two = rng.exponential(1, (2, 20, 6))
    one[:, 3] += 2
    two[:, 4] += 2
    one[2:, 5], two[:, 5] = 0, 0
    given = Sides(tuple(Feature(1, i) for i in range(6)), tuple("abcdefghijklmnopqrst"), one, two)
    found = contrast(given, min_pairs=5, at=Level(seed=0))
    assert Feature(1, 5) not in found.features
    assert [f for f, c in zip(found.features, found.claimed, strict=True) if c] == [
        Feature(1, 3), Feature(1, 4),
    ]  # fmt: skip
    assert found.strongest(1, 1, 1) == [Feature(1, 3)]
    assert found.strongest(1, -1, 1) == [Feature(1, 4)]
    assert found.strongest(0, 1, 1) == [], "of another layer there is none"


def test_a_feature_is_tested_from_exactly_min_pairs_on():
    one = np.zeros((8, 3))
    one[:4, 0], one[:5, 1], one[:6, 2] = 1, 1, 1
    features = tuple(Feature(0, i) for i in range(3))
    given = Sides(features, tuple("abcdefgh"), one, np.zeros((8, 3)))
    assert given.firing(5).features == (Feature(0, 1), Feature(0, 2))
    turned = Sides(features, tuple("abcdefgh"), np.zeros((8, 3)), one)
    assert turned.firing(5).features == (Feature(0, 1), Feature(0, 2)), "either member counts"


def test_auroc_is_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    one, two = rng.integers(0, 6, (2, 30)).astype(float)
    labels = np.repeat([1, 0], 30)
    due = roc_auc_score(labels, np.concatenate([one, two]))
    assert value(one, two) == interval(one, two, Level()).value == pytest.approx(due)
    assert value(one, two) == pytest.approx(1 - value(two, one))


def test_twenty_four_perfectly_separated_pairs_are_the_same_everywhere():
    """One interval, [0.858, 1], for the score of a layer and for a single feature."""
    from microtome.studies.misconceptions.heldout import _auroc

    study = Misconceptions(model="specimen:world")
    right, wrong = np.arange(24.0) + 50, np.arange(24.0)
    found = interval(right, wrong, study.at)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 24)) == pytest.approx(0.858, abs=1e-3)
    row = _auroc("correct", right, wrong, study)
    assert (row["auroc"], row["auroc_low"], row["auroc_high"]) == (1.0, found.low, 1.0)
    assert _auroc("misconception", wrong, right, study) == row


def test_the_interval_of_auroc_is_over_pairs():
    """DeLong's paired error by hand: members of a pair share most of their score."""
    from scipy import stats

    rng = np.random.default_rng(6)
    shared = 3 * rng.normal(size=24)
    right, wrong = shared + rng.normal(1, 0.5, 24), shared + rng.normal(0, 0.5, 24)
    wins = (right[:, None] > wrong[None, :]).astype(float)
    a = wins.mean()
    parts = (wins.mean(1) - a) / 24 + (wins.mean(0) - a) / 24
    error = np.sqrt(24 / 23 * (parts**2).sum()) / (a * (1 - a))
    reach = stats.t.ppf(0.975, 23) * error
    due = 1 / (1 + np.exp(-(np.log(a / (1 - a)) + np.array([-reach, reach]))))
    found = interval(right, wrong, Level())
    assert (found.low, found.high) == pytest.approx(tuple(due), abs=1e-6)
    assert found.clusters == 24


def test_members_of_a_pair_do_not_count_twice():
    """The share of prompts that follow their label is one over pairs, as in scipy's exact test."""
    from scipy import stats

    from microtome.studies.misconceptions.prompts import _followed

    frame = pd.DataFrame({
        "pair_id": np.repeat(range(30), 2), "label": ["correct", "misconception"] * 30,
        "difference": [1.0, -1.0] * 30, "answered": "correct",
    })  # fmt: skip
    study = Misconceptions(model="specimen:world")
    found = _followed(frame, study)
    assert (found.evidence.value, found.evidence.high, found.evidence.n) == (1.0, 1.0, 60)
    assert found.evidence.low == pytest.approx(stats.binomtest(30, 30).proportion_ci(0.95).low)


def test_columns_have_the_interval_that_the_package_gives_each():
    from microtome.statistics import mean

    values = np.random.default_rng(1).normal(1, 1, (12, 3))
    low, high = ends(means(values, Level()))
    for i in range(3):
        one = mean(values[:, i], at=Level())
        assert (low[i], high[i]) == (one.low, one.high)


def test_the_interval_of_an_ablation_of_both_members_is_over_pairs():
    from microtome.studies.misconceptions.ablate_report import summary

    study = Misconceptions(model="specimen:world")
    change = np.repeat(np.random.default_rng(0).normal(size=12), 2)
    own = pd.DataFrame({"change": change, "headline": True, "pair_id": np.repeat(range(12), 2)})
    controls = pd.DataFrame(
        {"mean_change": np.linspace(-1, 1, 19), "tokens": 3, "target_size": 1.0, "size": 1.0}
    )
    place = {"layer": 0, "side": "correct", "features": "1"}
    both = summary(place, own, controls, study)
    one = summary(place, own[::2], controls, study)
    assert both["n"] == 24
    assert (both["low"], both["high"]) == pytest.approx((one["low"], one["high"]))
