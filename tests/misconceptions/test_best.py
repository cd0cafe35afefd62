"""Which layer, which pairs and which direction a finding names, on hand-made rows."""

import pandas as pd
import pytest

from microtome.studies.misconceptions.contrast_findings import _best, _shared
from microtome.studies.misconceptions.heldout import again, side_of


def test_the_best_layer_is_that_of_the_largest_t() -> None:
    rows = [{"layer": n, "strongest_t": t} for n, t in enumerate([1.5, 9.0, -12.0, 4.0])]
    assert _best(rows) == [rows[1]]
    assert _best([]) == []


@pytest.mark.parametrize("same", [0, 1, 3])
def test_pairs_of_one_prompt_are_counted(same: int) -> None:
    rows = [
        {"pair_id": i, "prompt": f"{i}" if i < same else f"{i} {member}"}
        for i in range(4)
        for member in "ab"
    ]
    found = _shared({"features_prompts": pd.DataFrame(rows)})
    assert len(found) == (same > 0)
    for one in found:
        assert one.answer.startswith(f"In {same} of 4 pairs both members are one prompt")
        assert one.evidence.n == 4


@pytest.mark.parametrize(
    ("mean", "low", "high", "p", "due"),
    [
        (1.0, 0.1, 2.0, 0.05, True),
        (1.0, 0.1, 2.0, 0.06, False),
        (1.0, 0.0, 2.0, 0.01, False),
        (1.0, None, None, 0.01, False),
        (-1.0, -2.0, -0.1, 0.01, True),
        (-1.0, -2.0, 0.0, 0.01, False),
        (-1.0, 0.1, 2.0, 0.01, False),
    ],
)
def test_an_end_at_0_leaves_0_in(mean, low, high, p, due) -> None:
    row = {"mean": mean, "test_low": low, "test_high": high, "test_p_max_t": p}
    assert again(row, "test", 0.05) is due


@pytest.mark.parametrize(("mean", "side"), [(0.2, "correct"), (-0.2, "misconception")])
def test_a_feature_is_of_the_side_on_which_it_is_larger(mean: float, side: str) -> None:
    assert side_of(mean) == side
