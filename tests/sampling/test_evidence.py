"""Intervals over problems: what was chosen as the largest, what all agree on, who shares a text."""

import numpy as np
import pytest

from microtome.data.graders import pass_rate
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.evidence import largest_elsewhere, over_problems

STUDY = Sampling.demo()


def test_the_largest_of_equal_columns_is_not_larger_where_the_other_half_chose():
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(300, 8, 20))
    named = np.mean([table.mean(0).max() for table in tables])
    honest = [over_problems(largest_elsewhere(table), STUDY) for table in tables]
    assert named > 0.5, "the control: the largest of 20 equal means is far from their truth"
    assert abs(np.mean([one.value for one in honest])) < 0.08
    assert np.mean([one.low <= 0 <= one.high for one in honest]) > 0.9


def test_a_column_that_is_the_largest_keeps_its_value():
    rng = np.random.default_rng(1)
    table = rng.normal(size=(8, 5)) + np.array([0, 0, 9, 0, 0])
    assert largest_elsewhere(table) == pytest.approx(table[:, 2])
    assert largest_elsewhere(table[:1]) == pytest.approx(table[:1, 2])


def test_agreement_of_all_problems_is_not_certainty():
    sure = over_problems(np.ones(8), STUDY, within=(-1, 1))
    assert sure.low == pytest.approx(2 * 0.025 ** (1 / 8) - 1)
    assert sure.high == 1
    none = over_problems(np.zeros(8), STUDY, within=(0, 1))
    assert (none.low, none.high) == pytest.approx((0, 1 - 0.025 ** (1 / 8)))
    two = over_problems(np.full(8, 2.0), STUDY, within=(1, 9))
    q = 1 - 0.025 ** (1 / 8)
    assert (two.low, two.high) == pytest.approx((2 - q, 2 + 7 * q)), (
        "up to q have 1, or 9, clusters"
    )


def test_values_of_one_problem_count_as_one():
    values = np.repeat(np.random.default_rng(2).uniform(size=8), 6)
    problems = np.repeat(range(8), 6)
    together = over_problems(values, STUDY, (0, 1), problems.tolist())
    apart = over_problems(values, STUDY, (0, 1))
    assert (together.n, together.clusters) == (48, 8)
    assert together.high - together.low > 2 * (apart.high - apart.low)
    same = over_problems(np.ones(18), STUDY, (0, 1), np.repeat(range(6), 3).tolist())
    assert same.low == pytest.approx(0.025 ** (1 / 6))


def test_pass_at_k_has_the_level_asked_for():
    counts = [(10, c) for c in (1, 3, 9, 4, 6, 8, 2, 7)]
    wide, narrow = (pass_rate(counts, 1, level=level) for level in (0.99, 0.8))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    assert pass_rate([(4, 4)] * 8, 1, level=0.8).low == pytest.approx(0.1 ** (1 / 8))
