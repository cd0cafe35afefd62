"""Codes, effect sizes, separation and matching: each against another way of getting it."""

import numpy as np
import pandas as pd
import pytest

from microtome.errors import InputError
from microtome.statistics import proportion
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.codes import Codes, of_run, pooled
from microtome.studies.misconceptions.contrasting import Feature, Sides, cohens_d_z, contrast
from microtome.studies.misconceptions.intervals import share_over_pairs
from microtome.studies.misconceptions.matching import matched_sets
from microtome.studies.misconceptions.separation import auroc, auroc_interval


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
    found = contrast(given, min_pairs=5, alpha=0.05, seed=0)
    assert Feature(1, 5) not in found.features
    assert [f for f, c in zip(found.features, found.claimed, strict=True) if c] == [
        Feature(1, 3), Feature(1, 4),
    ]  # fmt: skip
    assert found.strongest(1, 1) == [Feature(1, 3)]
    assert found.strongest(-1, 1) == [Feature(1, 4)]


def test_auroc_is_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    one, two = rng.integers(0, 6, (2, 30)).astype(float)
    labels = np.repeat([1, 0], 30)
    assert auroc(one, two) == pytest.approx(roc_auc_score(labels, np.concatenate([one, two])))
    assert auroc(one, two) == pytest.approx(1 - auroc(two, one))


def test_the_interval_of_auroc_covers_the_truth_and_a_perfect_one_is_not_certain():
    from scipy import stats

    truth, covered = float(stats.norm.cdf(1 / 2**0.5)), 0
    for seed in range(100):
        one, two = np.random.default_rng(seed).normal(0, 1, (2, 24))
        found = auroc_interval(one + 1, two, level=0.95, resamples=300, seed=seed)
        covered += found.low <= truth <= found.high
    assert covered >= 88
    perfect = auroc_interval(
        np.arange(24.0) + 50, np.arange(24.0), level=0.95, resamples=200, seed=0
    )
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert perfect.low == pytest.approx(0.025 ** (1 / 24))


def test_random_sets_match_in_activation_and_leave_the_features_out():
    means = np.random.default_rng(4).exponential(1, 400)
    features = (7, 90, 311)
    sets = matched_sets(features, means, 19, seed=0)
    assert len({frozenset(s) for s in sets}) == 19
    for one in sets:
        assert not set(one) & set(features)
        assert len(set(one)) == 3
        assert np.allclose(means[list(one)], means[list(features)], rtol=0.25)


def test_too_few_features_to_compare_with_is_said():
    with pytest.raises(InputError, match="5 other features fire and 19 random sets"):
        matched_sets((0,), np.r_[np.ones(6), np.zeros(30)], 19, seed=0)


def test_members_of_a_pair_do_not_count_twice():
    study = Misconceptions(model="specimen:world")
    pairs, covered, naive = list(map(str, np.repeat(range(30), 2))), 0, 0
    for seed in range(100):
        together = np.repeat(np.random.default_rng(seed).random(30) < 0.7, 2)
        found = share_over_pairs(together, pairs, study)
        covered += found.low <= 0.7 <= found.high
        plain = proportion(int(together.sum()), 60)
        naive += plain.low <= 0.7 <= plain.high
    assert covered >= 90 > naive, "prompts that go together are no more than their pairs"
    split = np.tile([1.0, 0.0], 30)
    assert share_over_pairs(split, pairs, study).low == pytest.approx(0.5)
    every = share_over_pairs(np.ones(60), pairs, study)
    assert (every.low, every.n, every.clusters) == (pytest.approx(0.025 ** (1 / 30)), 60, 30)


def test_the_interval_of_an_ablation_of_both_members_is_over_pairs():
    from microtome.studies.misconceptions.ablate_report import _summary

    study = Misconceptions(model="specimen:world")
    change = np.repeat(np.random.default_rng(0).normal(size=12), 2)
    own = pd.DataFrame({"change": change, "headline": True, "pair_id": np.repeat(range(12), 2)})
    controls = pd.DataFrame(
        {"mean_change": np.linspace(-1, 1, 19), "target_activation": 1.0, "activation": 1.0}
    )
    place = {"layer": 0, "side": "correct", "features": "1"}
    both = _summary(place, own, controls, study)
    one = _summary(place, own[::2], controls, study)
    assert both["n"] == 24
    assert (both["low"], both["high"]) == pytest.approx((one["low"], one["high"]))


def test_a_dictionary_without_fvu_is_not_perfect():
    from microtome.studies.misconceptions.features import _summed

    units = pd.DataFrame(
        {"layer": [0, 0, 1, 1], "l0": [10.0, 20.0, 5.0, 5.0], "fvu": [0.1, 0.2, None, None],
         "tokens": [30, 10, 30, 10]}
    )  # fmt: skip
    first, transcoder = _summed(units)
    assert (first["l0"], first["fvu"]) == pytest.approx((12.5, 0.125))
    assert transcoder["fvu"] is None
