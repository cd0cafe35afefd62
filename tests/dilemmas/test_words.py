"""Findings on small hand-made tables: what is compared with what, and when nothing is named."""

import pandas as pd
import pytest

from microtome.lab.claims import Finding
from microtome.lab.verdicts import judge
from microtome.statistics import Level, mean
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.choices import _conditional
from microtome.studies.dilemmas.claims import largest_claim, largest_evidence
from microtome.studies.dilemmas.largest import Largest
from microtome.studies.dilemmas.targets import needed_most

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
    assert "rests on 8 against 4 scenarios" in found.evidence.detail
    assert found.evidence.control == "prompts in which the opponent cooperated"
    assert found.evidence.unit == "P(D | opponent defected) − P(D | opponent cooperated)"
    assert found.about == "Base"
    assert _conditional(PROMPTS[:4], "Base", STUDY) == []
    assert _conditional(PROMPTS.assign(state="none"), "Base", STUDY) == []


@pytest.mark.parametrize(
    ("values", "chosen", "named"),
    [
        ([0.5, 0.6, 0.55, 0.52], ("L2_MLP", "L2_MLP"), True),
        ([-0.5, -0.6, -0.55, -0.52], ("L2_MLP", "L2_MLP"), False),
        ([0.5, 0.6, 0.55, 0.52], ("L2_MLP", "L1_MLP"), False),
        ([0.5, -0.6, 0.55, -0.52], ("L2_MLP", "L2_MLP"), False),
    ],
)
def test_weights_are_called_needed_where_losing_them_loses_the_gap(
    values: list[float], chosen: tuple[str, str], named: bool
) -> None:
    top = Largest(mean(values, at=Level()), chosen, 1.0, 1.0)
    claim = largest_claim(
        top, least=0.1, named=(needed_most(top, "Hybrid"), ""), unsettled="Not settled.",
        false_in="",
    )  # fmt: skip
    evidence = largest_evidence(top, "share", 4, STUDY)
    (judged,) = judge([Finding("Not shown.", evidence, claim=claim)])
    due = "needs the weights trained in L2_MLP most; without them it loses 54% of its gap to Base"
    assert (due in judged.answer) is named
    assert (judged.answer in ("Not settled.", "Not shown.")) is not named
