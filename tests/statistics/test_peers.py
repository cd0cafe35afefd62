"""Ranks among peers, and the largest of many on clusters that did not choose it."""

import numpy as np
import pytest

from microtome.errors import InputError, NumericsError
from microtome.statistics import Level, held_out_maximum, mean, rank_among_peers


def test_ranks_against_counting() -> None:
    rng = np.random.default_rng(0)
    for peers in (1, 2, 7, 20):
        for x in (rng.normal(size=(4, peers)), rng.integers(0, 3, (4, peers)) * 0.1 + 5):
            means = [sum(column) / 4 for column in x.T]
            apart = [abs(m - np.median(means)) for m in means]
            wanted = [sum(other >= one - 1e-9 for other in apart) / peers for one in apart]
            found = rank_among_peers(x)
            assert found.p == pytest.approx(wanted)
            assert (found.floor, found.peers) == (1 / peers, peers)
            assert found.p.min() >= found.floor
            assert rank_among_peers(x.mean(0)).p == pytest.approx(wanted)


def test_equal_peers_rank_nowhere() -> None:
    assert rank_among_peers(np.zeros((3, 20))).p.tolist() == [1.0] * 20
    assert rank_among_peers(np.full((3, 20), 0.1)).p.tolist() == [1.0] * 20


def test_what_a_number_of_peers_can_reach() -> None:
    assert rank_among_peers(np.arange(20.0)).reaches()
    assert not rank_among_peers(np.arange(19.0)).reaches()
    assert rank_among_peers(np.arange(19.0)).reaches(0.1)


def test_a_component_named_beforehand_is_claimed_at_the_level() -> None:
    rng = np.random.default_rng(1)
    claims = [0, 0]
    for _ in range(200):
        claims[0] += rank_among_peers(rng.normal(size=(6, 20))).p[11] <= 0.05
        claims[1] += rank_among_peers(5 + rng.exponential(size=(6, 20))).p[11] <= 0.05
    assert max(claims) <= 16
    assert min(claims) >= 2


def test_scenarios_of_one_component_are_one_mean() -> None:
    # Each of 20 components has one effect that all its scenarios share: nothing is consistent
    # beyond that, and ten scenarios are no ten chances.
    rng = np.random.default_rng(2)
    claims = 0
    for _ in range(200):
        x = rng.normal(size=20) + 0.1 * rng.normal(size=(10, 20))
        claims += rank_among_peers(x).p[0] <= 0.05
    assert claims <= 16


def test_a_planted_component_ranks_first_on_either_side() -> None:
    x = np.random.default_rng(3).normal(10, 1, (5, 40))
    x[:, 7] += 9
    assert rank_among_peers(x).p[7] == 1 / 40
    x[:, 7] -= 18
    assert rank_among_peers(x).p[7] == 1 / 40


def test_held_out_values_come_from_the_half_that_did_not_choose() -> None:
    table = np.array([[9.0, 0, 1], [0, 5.0, 2], [9.0, 1, 3], [0, 5.0, 4], [9.0, 2, 0], [1, 5.0, 0]])
    found = held_out_maximum(table)
    # Even clusters choose column 0, odd ones column 1; each reports the other's choice.
    assert found.chosen == (0, 1)
    assert found.values == (0.0, 0.0, 1.0, 0.0, 2.0, 1.0)
    assert found.interval == mean(found.values)


def test_agreement_counts_random_halvings() -> None:
    rng = np.random.default_rng(4)
    clear = rng.normal(size=(10, 5)) + 20 * (np.arange(5) == 2)
    assert held_out_maximum(clear).agreement == 1
    assert held_out_maximum(clear).chosen == (2, 2)
    noise = held_out_maximum(rng.normal(size=(11, 50)))
    assert noise.agreement < 0.3
    one_column = held_out_maximum(rng.normal(size=(6, 1)))
    assert one_column.agreement == 1
    # Two clusters, each for its own column: the halves never agree.
    assert held_out_maximum([[1.0, 0.0], [0.0, 1.0]]).agreement == 0


def test_the_largest_by_size_keeps_the_sign_that_the_choosing_half_saw() -> None:
    table = np.zeros((8, 3))
    table[:, 1] = [-5.0, -4.0, -6.0, -5.0, -4.5, -5.5, -6.0, -4.0]
    by_size, by_value = held_out_maximum(table, by="abs"), held_out_maximum(table)
    assert by_size.chosen == (1, 1)
    assert by_size.interval.value == 5.0
    assert by_value.interval.value == 0
    noisy = table + np.random.default_rng(0).normal(size=(8, 3))
    assert held_out_maximum(noisy, by="abs").agreement == 1
    assert held_out_maximum(noisy).agreement < 1
    cut = held_out_maximum(table / 10, by="abs", within=(-0.8, 0.2)).interval
    assert cut.ends is not None
    assert -0.8 <= cut.ends[0] < cut.ends[1] <= 0.8


@pytest.mark.parametrize("by", ["value", "abs"])
def test_the_naive_maximum_is_biased_and_the_held_out_one_is_not(by: str) -> None:
    rng = np.random.default_rng(5)
    at = Level(resamples=199)
    naive, held, covered = [], [], 0
    for _ in range(200):
        x = rng.normal(size=(8, 30))
        found = held_out_maximum(x, at, by=by).interval  # type: ignore[arg-type]
        assert found.ends is not None
        covered += found.ends[0] <= 0 <= found.ends[1]
        held.append(found.value)
        naive.append((np.abs(x.mean(0)) if by == "abs" else x.mean(0)).max())
    assert np.mean(naive) > 0.5
    assert abs(np.mean(held)) < 4 * np.std(held) / np.sqrt(200)
    assert covered >= 184


def test_impossible_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[2 or more clusters, columns\]: \(1, 3\)"):
        held_out_maximum([[1.0, 2.0, 3.0]])
    with pytest.raises(NumericsError, match="not all finite"):
        held_out_maximum([[1.0], [float("nan")]])
    with pytest.raises(InputError, match=r"effects \[clusters, peers\]"):
        rank_among_peers(np.zeros((2, 3, 4)))
    with pytest.raises(NumericsError, match="not all finite"):
        rank_among_peers([1.0, float("nan")])
