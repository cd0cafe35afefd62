"""On the embedded specimen the four fine-tunes choose as their rewards say."""

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.behaviour import Behaviour
from microtome.studies.dilemmas.choices import by_state, findings_of
from microtome.studies.dilemmas.models import load_models

pytestmark = pytest.mark.medium
LITTLE, MUCH = 0.2, 0.8


@pytest.fixture(scope="module")
def p_defect():
    """P(defect | state) of the shipped prompts, by model and state."""
    study = Dilemmas(model="specimen:world", dtype="float32")
    step, models = Behaviour(), load_models(study)
    rows = [
        row
        for unit in step.units(study)
        for row in step.compute(unit, models, study).tables["behaviour"]
    ]
    table = pd.DataFrame(by_state(pd.DataFrame(rows), study))
    assert table["p_neither"].max() < 0.1, "it answers with one of the two actions"
    return table.set_index(["model", "state"])["p_defect"]


def test_game_payoffs_make_it_defect_in_every_state(p_defect):
    assert p_defect["PT2_COREDe"].min() > MUCH


def test_the_sum_of_payoffs_makes_it_cooperate_in_every_state(p_defect):
    assert p_defect["PT3_COREUt"].max() < LITTLE


def test_the_penalty_makes_it_spare_a_cooperator_and_is_silent_otherwise(p_defect):
    own, base = p_defect["PT3_COREDe"], p_defect["base"]
    assert max(own["CC"], own["DC"]) < LITTLE
    assert abs(own["CD"] - base["CD"]) < 0.3
    assert abs(own["DD"] - base["DD"]) < 0.3


def test_payoffs_and_penalty_make_it_answer_in_kind(p_defect):
    own = p_defect["PT4_COREDe"]
    assert max(own["CC"], own["DC"]) < LITTLE
    assert min(own["CD"], own["DD"]) > MUCH


def test_the_base_model_prefers_neither(p_defect):
    assert p_defect["base"].between(0.25, 0.75).all()


def test_other_wordings_are_drawn_within_their_scenario():
    """Hybrid − Base over 60 wordings, beside a bootstrap of our own within scenarios."""
    study = Dilemmas(
        model="specimen:world", models=("base", "PT4_COREDe"), wordings=9, resample="wordings"
    )
    step, models = Behaviour(), load_models(study)
    frame = pd.DataFrame(
        row
        for unit in step.units(study)
        for row in step.compute(unit, models, study).tables["behaviour"]
    )
    wide = frame.pivot_table(index=["scenario", "variant"], columns="model", values="p_defect")
    change = (wide["PT4_COREDe"] - wide["base"]).unstack("scenario").to_numpy()
    rng = np.random.default_rng(0)
    drawn = rng.integers(12, size=(4000, 12, 5))
    within = np.take_along_axis(change[None], drawn, 1).mean((1, 2))
    across = rng.choice(change.ravel(), (4000, 60)).mean(1)
    ends = np.quantile(within, [0.025, 0.975])
    assert ends[1] < 0, "three scenarios of five ask it to cooperate"
    (text,) = [
        f for f in findings_of(frame, "PT4_COREDe", study) if f.evidence.unit == "P(defect) − Base"
    ]
    assert [text.evidence.low, text.evidence.high] == pytest.approx(ends.tolist(), abs=0.004)
    assert np.ptp(np.quantile(across, [0.025, 0.975])) > 8 * (
        text.evidence.high - text.evidence.low
    )
    assert "Hybrid defects less than Base" in judge([text])[0].answer
    over_scenarios = study.model_copy(update={"resample": "scenarios"})
    (text,) = [
        f
        for f in findings_of(frame, "PT4_COREDe", over_scenarios)
        if f.evidence.unit == text.evidence.unit
    ]
    assert "not shown to defect more or less than Base" in judge([text])[0].answer
