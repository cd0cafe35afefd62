"""A measured share carries its interval, and samples of one problem are one cluster."""

from __future__ import annotations

import json

import pytest
from scipy.stats import beta

from microtome.specimens.world.ability import Ability


@pytest.mark.parametrize(("hits", "n"), [(190, 200), (200, 200), (0, 40), (7, 15)])
def test_a_share_has_the_interval_of_clopper_and_pearson(hits: int, n: int) -> None:
    found = Ability.share("facts.recall", [i < hits for i in range(n)], 0.95, "recalls")
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    assert (found.value, found.n) == (pytest.approx(hits / n), n)
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)
    assert found.low <= low + 1e-9 or hits == n, "never narrower"
    assert found.met == (hits / n >= 0.95)


def test_equal_samples_of_one_problem_count_once() -> None:
    holds = [i % 3 > 0 for i in range(60) for _ in range(4)]
    problems = [i for i in range(60) for _ in range(4)]
    alone = Ability.share("arithmetic.sampled", holds, 0.6, "right")
    together = Ability.share("arithmetic.sampled", holds, 0.6, "right", clusters=problems)
    once = Ability.share("arithmetic.sampled", holds[::4], 0.6, "right")
    assert alone.value == together.value == once.value
    assert alone.low is not None
    assert together.low is not None
    assert together.low == pytest.approx(once.low, abs=0.02)
    assert together.low < alone.low - 0.03


def test_a_row_is_json_with_both_ends_and_an_extreme_has_none() -> None:
    row = json.loads(json.dumps(Ability.share("a", [True, False], 0.9, "m", sense="below").row()))
    assert row["low"] < row["value"] < row["high"]
    assert row["met"] is True
    extreme = Ability("dilemmas.neither", 0.001, 0.01, "below", 200, "largest")
    assert (extreme.low, extreme.high) == (None, None)
