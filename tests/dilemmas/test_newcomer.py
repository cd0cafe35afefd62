"""Answers that a model does not give, and files as other systems save them."""

import json

import pandas as pd

from microtome.data.prompts import read_prompts
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.choices import findings_of


def test_a_finding_says_when_the_answers_are_not_the_models_own():
    study = Dilemmas(model="specimen:world", models=("base",), resample="wordings")
    rows = [
        {"model": "base", "scenario": "s", "variant": v, "state": state, "p_defect": 0.0,
         "p_cooperate": 1.0 - neither, "p_neither": neither, "delta": -1.0}
        for neither in (0.3,) for v, state in enumerate(("CC", "CD", "DC", "DD"))
    ]  # fmt: skip
    found = findings_of(pd.DataFrame(rows), "base", study)[0]
    assert "it often gives neither answer" in found.answer
    assert "P(neither) is 0.30: these are not its answers" in found.evidence.detail
    sure = pd.DataFrame(rows).assign(p_neither=0.0, p_cooperate=1.0)
    assert "neither" not in str(findings_of(sure, "base", study)[0])


def test_prompts_saved_with_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"scenario": "mine", "prompt": "I play"}), encoding="utf-8-sig")
    assert read_prompts(path)[0].prompt == "I play"
