"""A finding's sentence claims no more than its interval."""

import numpy as np
import pandas as pd
import pytest

from microtome.studies.sampling import Sampling
from microtome.studies.sampling.evidence import bounds, over_problems, said
from microtome.studies.sampling.spread import _where

STUDY = Sampling.demo()


@pytest.mark.parametrize(("truth", "claims"), [(1.0, True), (0.0, False)])
def test_a_largest_layer_that_is_not_above_0_is_not_said_to_differ(truth, claims):
    table = np.random.default_rng(3).normal(truth, 0.2, size=(8, 3))
    cells = [
        {"problem": p, "layer": layer, "checkpoint": 6, "temperature": 1.0,
         "split_half_relative": table[p, layer]}
        for p in range(8) for layer in range(3)
    ]  # fmt: skip
    here = [
        {"layer": layer, "checkpoint": 6, "temperature": 1.0, "tr_cov_relative": 2.0,
         "split_half_relative": table[:, layer].mean(), "control_relative": 0.0}
        for layer in range(3)
    ]  # fmt: skip
    finding = _where(here, pd.DataFrame(cells), False, STUDY)
    assert (finding.low > 0) == claims
    assert ("differ most in layer" in finding.text) == claims
    assert ("no layer shows that completions" in finding.text) == (not claims)


def test_a_number_that_all_problems_share_has_no_interval_of_width_0():
    same, other = over_problems([2.0, 2.0, 2.0], STUDY), over_problems([2.0, 2.0, 3.0], STUDY)
    assert bounds(same)["low"] is bounds(same)["high"] is None
    assert said(same, STUDY).startswith("the same in all 3 problems")
    assert bounds(other)["low"] < bounds(other)["high"]
    assert "interval" in said(other, STUDY)
