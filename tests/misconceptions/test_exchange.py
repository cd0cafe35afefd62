"""Labels exchanged within pairs: p-values as an independent count gives them."""

from itertools import product

import numpy as np
import pytest

from microtome.statistics import Level
from microtome.studies.misconceptions.exchange import (
    claimed_if,
    exchange,
    q_of,
    smallest_p,
    student_t,
)

AT = Level()


@pytest.fixture(scope="module")
def effects():
    return np.random.default_rng(0).normal(0, 1, (9, 6)) + np.array([0, 0, 0, 0, 0.5, 3.0])


def counted(effects):
    """p by max-T and of single columns, from every exchange of 9 pairs with scipy's t."""
    from scipy import stats

    signs = np.array(list(product((1.0, -1.0), repeat=len(effects))))
    every = np.abs([stats.ttest_1samp(s[:, None] * effects, 0).statistic for s in signs])
    seen = np.abs(stats.ttest_1samp(effects, 0).statistic) * (1 - 1e-9)
    return (every.max(1)[:, None] >= seen).mean(0), (every >= seen).mean(0)


def test_p_values_are_those_of_every_exchange_counted(effects):
    found, (max_t, single) = exchange(effects, AT), counted(effects)
    assert np.allclose(found.p, max_t)
    assert np.allclose(found.single, single)
    assert np.allclose(student_t(effects), found.t)


def test_q_is_benjamini_and_hochbergs_of_single_p(effects):
    p = np.sort(counted(effects)[1])
    due = np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    assert np.allclose(np.sort(q_of(exchange(effects, AT))), np.minimum(due, 1))


def test_exchanged_sets_need_no_new_draws(effects):
    found = exchange(effects, AT)
    rng = np.random.default_rng(2)
    for _ in range(5):
        other = rng.choice((1.0, -1.0), size=len(effects))[:, None] * effects
        assert (claimed_if(found, other, 0.05) == (exchange(other, AT).p <= 0.05)).all()


def test_false_claims_are_as_rare_as_the_level_says():
    rng = np.random.default_rng(3)
    false = sum(
        bool((exchange(rng.standard_t(4, (8, 30)), AT).p <= 0.05).any()) for _ in range(200)
    )
    assert false <= 16, "the 97.5 % point of 5 % of 200"


def test_the_smallest_p_is_reached_by_an_effect_without_exception():
    for pairs in (6, 8, 11):
        rng = np.random.default_rng(0)
        effects = np.column_stack([5 + 0.1 * rng.normal(size=pairs), rng.normal(size=(pairs, 2))])
        assert exchange(effects, AT).p[0] == pytest.approx(smallest_p(pairs, AT))
    assert smallest_p(11, AT) == pytest.approx(9.8e-4, rel=0.01)
    assert smallest_p(30, AT) == pytest.approx(1 / 10_000)


def test_what_never_differs_is_never_claimed_and_nothing_is_no_test():
    assert (exchange(np.zeros((8, 2)), AT).p == 1).all()
    assert exchange(np.zeros((8, 0)), AT).p.shape == (0,)
    assert (exchange(np.zeros((0, 3)), AT).p == 1).all()
