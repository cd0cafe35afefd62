"""The smallest detectable mean: against the noncentral t, and against simulated samples."""

import math

import numpy as np
import pytest
from scipy import stats

from microtome.statistics import Level
from microtome.statistics.detectable import detectable


@pytest.mark.parametrize("n", [3, 4, 8, 24, 100])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_power_there_is_that_of_the_noncentral_t(n, level):
    found = detectable(2.0, n, Level(level))
    errors, limit = found * math.sqrt(n) / 2.0, stats.t.ppf((1 + level) / 2, n - 1)
    # The other tail is below 1e-3 here, and scipy's is nan for some of these.
    assert stats.nct.sf(limit, n - 1, errors) == pytest.approx(0.8, abs=3e-3)


def test_simulated_samples_are_significant_as_often():
    rng, n = np.random.default_rng(0), 6
    samples = detectable(1.5, n) + 1.5 * rng.standard_normal((20_000, n))
    share = (stats.ttest_1samp(samples, 0, axis=1).pvalue <= 0.05).mean()
    assert share == pytest.approx(0.8, abs=0.01)


def test_more_clusters_show_less_and_one_shows_nothing():
    sizes = [detectable(1.0, n) for n in (2, 3, 4, 8, 16, 64)]
    assert sizes == sorted(sizes, reverse=True)
    assert detectable(1.0, 1) == math.inf
    assert detectable(0.0, 5) == 0.0
    assert math.isfinite(detectable(1.0, 2, Level(0.999))), "where the noncentral t gives up"
