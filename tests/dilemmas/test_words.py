"""Findings on small hand-made tables: what is compared with what, and when nothing is named."""

import pandas as pd
import pytest

from microtome.statistics import Level, mean
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.choices import _conditional
from microtome.studies.dilemmas.largest import Largest
from microtome.studies.dilemmas.targets import _most

STUDY = Dilemmas(model="specimen:world", resamples=200)
PROMPTS = pd.DataFrame({
    "scenario": [f"{state}{i}" for state in ("CC", "CD", "DD") for i in range(4)],
    "state": [state for state in ("CC", "CD", "DD") for _ in range(4)],
    "p_defect": [0.1, 0.2, 0.15, 0.12, 0.9, 0.8, 0.95, 0.85, 0.9, 0.99, 0.9, 0.9],
})  # fmt: skip


def test_the_opponents_last_move_is_the_second_letter_of_the_state() -> None:
    (found,) = _conditional(PROMPTS, "Base", STUDY)
    after_d = PROMPTS["p_defect"][4:].mean()
    assert found.evidence.value == pytest.approx(after_d - PROMPTS["p_defect"][:4].mean())
    assert found.evidence.low > 0
    assert "rests on 8 against 4 scenarios" in found.answer
    assert found.evidence.control == "prompts in which the opponent cooperated"
    assert found.evidence.unit == "P(D | opponent defected) − P(D | opponent cooperated)"
    assert found.about == "Base"
    assert _conditional(PROMPTS[:4], "Base", STUDY) == []
    assert _conditional(PROMPTS.assign(state="none"), "Base", STUDY) == []


@pytest.mark.parametrize(
    ("values", "chosen", "sign", "named"),
    [
        ([0.5, 0.6, 0.55, 0.52], ("L2_MLP", "L2_MLP"), 1.0, True),
        ([0.5, 0.6, 0.55, 0.52], ("L2_MLP", "L2_MLP"), -1.0, False),
        ([0.5, 0.6, 0.55, 0.52], ("L2_MLP", "L1_MLP"), 1.0, False),
        ([0.5, -0.6, 0.55, -0.52], ("L2_MLP", "L2_MLP"), 1.0, False),
    ],
)
def test_weights_are_called_needed_where_losing_them_loses_the_gap(
    values: list[float], chosen: tuple[str, str], sign: float, named: bool
) -> None:
    top = Largest(mean(values, at=Level()), chosen, sign, 1.0)
    text = _most(top, [{"component": "L2_MLP", "alone": 0.4}])
    assert ("L2_MLP are needed most" in text) is named
    assert ("not settled" in text) is not named
    assert ("loses 54% of its gap to Base, and alone they carry 40%" in text) is named
