"""The judge's claim: the least p of its permutations, and its control.

All claims are tried on null and planted tables in tests/test_claims.py.
"""

import itertools
import math
import re

import numpy as np
import pytest
from bench.claims.sampling import STUDY, rulings

from microtome.lab.verdicts import judge
from microtome.studies.sampling.judge_found import contrast_of, judge_finding, smallest_p

DIRECTED = re.compile(r"\b(rises|falls|grows|farther|nearer|more|less|most|often)\b")


def test_the_least_p_of_a_judge_is_that_of_all_permutations():
    """Two clusters of two in one problem: 2 of 6 labelings group as they do."""
    perfect = rulings(np.random.default_rng(0), 0.0, count=1)
    ask = perfect["kind"] != "itself"
    perfect.loc[ask, "label"] = np.where(perfect.loc[ask, "kind"] == "between", "different", "same")
    labelings = set(itertools.permutations([0, 0, 1, 1]))
    same = [one for one in labelings if one[0] == one[1]]
    assert smallest_p(perfect) == pytest.approx(len(same) / len(labelings))
    assert contrast_of(perfect, STUDY).p == pytest.approx(1 / 3, abs=0.03)
    (one,) = judge([judge_finding(perfect, STUDY)])
    assert (one.verdict, one.why) == ("inconclusive", "this design gives no p below 0.33")
    three = rulings(np.random.default_rng(0), 0.0, count=3)
    assert smallest_p(three) == pytest.approx(3.0**-3)
    assert smallest_p(rulings(np.random.default_rng(0), 0.0, count=9)) == 1 / 5000
    uneven = three[(three["left"] != 3) & (three["right"] != 3)]
    assert smallest_p(uneven) == pytest.approx((1 / math.comb(3, 1)) ** 3)


def test_a_judge_that_finds_a_solution_different_from_itself_fails():
    frame = rulings(np.random.default_rng(2), 1.0, count=8)
    frame.loc[frame["kind"] == "itself", "label"] = "different"
    (one,) = judge([judge_finding(frame, STUDY)])
    assert one.verdict == "control failed"
    assert "not called the same: 100%" in one.finding.evidence.control
    assert not DIRECTED.search(one.answer)
