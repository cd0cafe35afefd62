"""Sign flips in blocks say what the plain test says, and find what is there and nothing else."""

import numpy as np
import pytest

from microtome.statistics import sign_flip
from microtome.studies.misconceptions.permutation import sign_flips, smallest_p


@pytest.fixture(scope="module")
def effects():
    return np.random.default_rng(0).normal(0, 1, (9, 6)) + np.array([0, 0, 0, 0, 0.5, 3.0])


def test_exact_flips_equal_the_plain_test(effects):
    found = sign_flips(effects)
    assert found.exact
    assert np.allclose(found.p_max_t, sign_flip(effects))
    single = [sign_flip(column[:, None])[0] for column in effects.T]
    assert np.allclose(found.p_single, single)


def test_drawn_flips_agree_with_the_plain_test():
    effects = np.random.default_rng(1).normal(0.3, 1, (24, 40))
    found = sign_flips(effects, seed=3)
    assert not found.exact
    assert np.allclose(found.p_max_t, sign_flip(effects, seed=4), atol=0.03)


def test_t_is_students(effects):
    from scipy import stats

    assert np.allclose(sign_flips(effects).t, stats.ttest_1samp(effects, 0).statistic)


def test_relabelling_needs_no_new_flips(effects):
    found = sign_flips(effects)
    rng = np.random.default_rng(2)
    for _ in range(5):
        signs = rng.choice((1.0, -1.0), size=len(effects))
        again = sign_flips(signs[:, None] * effects)
        assert (found.claimed_if(signs, 0.05) == (again.p_max_t <= 0.05)).all()


def test_false_claims_are_as_rare_as_the_level_says():
    rng = np.random.default_rng(3)
    false = [
        (sign_flips(rng.standard_t(4, (8, 30)), seed=i).p_max_t <= 0.05).any() for i in range(120)
    ]
    assert np.mean(false) <= 0.1


def test_the_smallest_p_is_reached_by_an_effect_without_exception():
    for pairs, size in ((6, 1.0), (8, 0.1), (11, 0.1)):
        others = np.random.default_rng(0).normal(size=(pairs, 2))
        found = sign_flips(np.column_stack([np.full(pairs, size), others]))
        assert found.p_max_t[0] == pytest.approx(smallest_p(pairs))
        assert found.p_single[0] == pytest.approx(smallest_p(pairs))
    assert smallest_p(11) == pytest.approx(9.8e-4, rel=0.01)
    assert smallest_p(30) == pytest.approx(1 / 10_001)


def test_what_never_differs_is_never_claimed():
    found = sign_flips(np.zeros((8, 2)))
    assert (found.p_max_t == 1).all()
    assert (found.p_single == 1).all()
