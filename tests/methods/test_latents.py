"""Spreads of latents: known variance is recovered, and what pooling adds is told apart."""

import numpy as np
import pytest

from microtome.errors import InputError, NumericsError
from microtome.methods import latents
from microtome.statistics import Level


def halves(rng, n, between, pooled, d=32, token=1.0):
    """Odd and even means of `pooled` tokens around n centres of total variance `between`."""
    centres = rng.standard_normal((n, 1, d)) * np.sqrt(between / d)
    tokens = centres + rng.standard_normal((n, pooled, d)) * np.sqrt(token / d)
    return tokens[:, 0::2].mean(1)[None], tokens[:, 1::2].mean(1)[None]


@pytest.mark.medium
@pytest.mark.parametrize("between", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("n", [16, 32])
def test_known_variance_lies_in_the_interval(between, n):
    rng, held, total_held = np.random.default_rng(n), 0, 0
    for i in range(200):
        odd, even = halves(rng, n, between, pooled=8)
        found = latents.split_half(odd, even).interval(0, Level(resamples=399, seed=i))
        held += found.low <= between <= found.high
        total = latents.total_variance((odd + even) / 2).interval(0, Level(resamples=399, seed=i))
        total_held += total.low <= between + 1 / 8 <= total.high
    assert held >= 180
    assert total_held >= 180


def test_total_variance_falls_with_pooling_where_nothing_varies_and_split_half_does_not():
    rng = np.random.default_rng(0)
    for pooled in (2, 8, 32):
        odd, even = halves(rng, 2000, 0.0, pooled)
        total = latents.total_variance((odd + even) / 2).value[0]
        assert total == pytest.approx(1 / pooled, rel=0.05)
        assert abs(latents.split_half(odd, even).value[0]) < 0.05 / pooled
        assert latents.pooling_error(odd, even)[0] == pytest.approx(1 / pooled, rel=0.05)


def test_halves_of_other_completions_share_no_variance():
    odd, even = halves(np.random.default_rng(1), 3000, 1.0, 8)
    assert latents.split_half(odd, even).value[0] == pytest.approx(1.0, rel=0.1)
    assert abs(latents.split_half(odd, np.roll(even, 1, axis=1)).value[0]) < 0.05


@pytest.mark.parametrize("n", [4, 8, 32])
def test_halves_of_other_completions_share_none_however_few_they_are(n):
    rng, found, plain = np.random.default_rng(n), [], []
    for _ in range(400):
        own = rng.normal(size=(1, n, 8))
        odd, even = own + rng.normal(0, 0.3, own.shape), own + rng.normal(0, 0.3, own.shape)
        found.append(latents.other_halves(odd, even)[0])
        plain.append(latents.split_half(odd, np.roll(even, 1, 1)).value[0])
    assert abs(np.mean(found)) < 4 * np.std(found) / 20, "the truth between completions is 8"
    assert np.mean(plain) == pytest.approx(-8 / (n - 1), rel=0.3), "only centred, it is not 0"


def test_pseudo_values_are_the_jackknifes():
    z = np.random.default_rng(2).standard_normal((3, 7, 5))
    found = latents.total_variance(z)
    whole = np.array([np.trace(np.cov(layer.T)) for layer in z])
    without = np.array(
        [[np.trace(np.cov(np.delete(layer, i, 0).T)) for i in range(7)] for layer in z]
    )
    np.testing.assert_allclose(found.value, whole)
    np.testing.assert_allclose(found.pseudo, 7 * whole[:, None] - 6 * without)
    np.testing.assert_allclose(found.pseudo.mean(1), found.value)
    np.testing.assert_allclose(latents.split_half(z, z).value, whole)


def test_effective_rank_counts_the_dimensions_that_are_used():
    rng = np.random.default_rng(3)
    line = rng.standard_normal((1, 200, 1)) * np.ones(6)
    plane = np.concatenate([rng.standard_normal((1, 5000, 2)), np.zeros((1, 5000, 4))], -1)
    assert latents.effective_rank(line)[0] == pytest.approx(1.0)
    assert latents.effective_rank(plane[:, :500])[0] == pytest.approx(2.0, abs=0.02)


def test_eigenscore_is_the_log_determinant_of_the_paper():
    z = np.random.default_rng(4).standard_normal((2, 6, 40))
    for layer, score in zip(z, latents.eigenscore(z), strict=True):
        d = layer.shape[1]
        centring = np.eye(d) - np.ones((d, d)) / d
        regular = layer @ centring @ layer.T + 1e-3 * np.eye(6)
        assert score == pytest.approx(np.linalg.slogdet(regular)[1] / 6)
    same = np.repeat(z[:, :1], 6, axis=1)
    assert (latents.eigenscore(same) < latents.eigenscore(z)).all()


def test_components_tell_prompts_from_completions():
    rng, n, d = np.random.default_rng(5), 12, 16
    centres = rng.standard_normal((400, 1, d)) * np.sqrt(3 / d)
    z = centres + rng.standard_normal((400, n, d)) / np.sqrt(d)
    within = np.array([latents.total_variance(prompt[None]).value for prompt in z])
    parts = latents.variance_components(z.mean(1)[:, None], within, np.full(400, n))
    assert parts.within[0] == pytest.approx(1, rel=0.05)
    assert parts.between[0] == pytest.approx(3, rel=0.1)
    assert parts.relative[0] == pytest.approx(0.25, abs=0.02)


def test_what_completions_add_to_the_spread_of_prompt_means_is_taken_off():
    """Between prompts = tr Cov of their means − mean of within / n, by hand."""
    means = np.array([[[1.0, 0.0]], [[0.0, 2.0]], [[-1.0, 1.0]]])
    within, counts = np.array([[3.0], [6.0], [1.2]]), np.array([3, 4, 6])
    found = latents.variance_components(means, within, counts)
    spread = np.trace(np.cov(means[:, 0].T))
    assert found.between[0] == pytest.approx(spread - np.mean([3 / 3, 6 / 4, 1.2 / 6]))
    assert found.within[0] == pytest.approx(3.4)
    few = latents.variance_components(means, within * 20, counts)
    assert few.between[0] == 0, "more is taken off than there is"
    assert few.relative[0] == 1


@pytest.mark.parametrize("n", [3, 5])
def test_prompts_that_do_not_differ_have_no_variance_between_them(n):
    rng = np.random.default_rng(n)
    z = rng.standard_normal((600, n, 8))
    within = np.array([latents.total_variance(prompt[None]).value for prompt in z])
    parts = latents.variance_components(z.mean(1)[:, None], within, np.full(600, n))
    assert parts.between[0] < 0.25 * within.mean() / n, "the means alone vary by within / n"


def test_a_variance_has_no_end_below_0_and_a_split_half_may():
    z = np.zeros((1, 8, 3))
    z[0, 0] = 9.0
    found = latents.total_variance(z).interval(0)
    assert found.low == 0.0 < found.value
    odd = np.random.default_rng(6).standard_normal((1, 8, 3))
    assert latents.split_half(odd, -odd).interval(0).low < 0


def test_distances_and_percentiles():
    z = np.array([[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]])
    np.testing.assert_allclose(latents.distances(z, [[0.0, 0.0]]), [[0, 5, 1]])
    np.testing.assert_allclose(latents.pair_distances(z), [[5, 1, np.sqrt(18)]])
    np.testing.assert_allclose(latents.percentiles([[0, 1, 9]], [[1, 2]]), [[0, 0.25, 1]])
    np.testing.assert_allclose(latents.scale(z), [np.sqrt(26 / 3)])


def test_refusals():
    with pytest.raises(InputError, match="at least three completions, got 2"):
        latents.total_variance(np.zeros((1, 2, 4)))
    with pytest.raises(NumericsError, match="NaN"):
        latents.split_half(np.full((1, 4, 2), np.nan), np.zeros((1, 4, 2)))
    with pytest.raises(InputError, match="two prompts"):
        latents.variance_components(np.zeros((1, 1, 2)), [[1.0]], [4])
