"""The greedy search beside the circuits: its ranks, where it stops, and how to omit both."""

import json

import pandas as pd
import pytest

from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.dilemmas.flips import MAX_COMPONENTS
from tests.dilemmas.conftest import SCENARIOS

pytestmark = pytest.mark.medium
PROMPT = ["source", "target", "scenario", "variant"]


def _table(record, name):
    return pd.read_parquet(record.path / "tables" / f"{name}.parquet")


def test_the_search_adds_what_patching_ranks_first_until_the_answer_flips(finished):
    single = _table(finished, "patching_results")
    single = single[single["kind"].isin(["head", "mlp"])]
    searched = _table(finished, "circuits_greedy").groupby(PROMPT)
    assert len(searched) == 3 * len(SCENARIOS), "one wording of every scenario, every pair"
    for place, rows in searched:
        if place[0] == "TWIN":
            continue
        own = single.set_index(PROMPT).loc[place].set_index("component")["delta_change"]
        largest = own.abs().sort_values(ascending=False).iloc[: len(rows)]
        assert rows["alone"].abs().tolist() == pytest.approx(largest.tolist(), abs=1e-4)
        assert rows["alone"].tolist() == pytest.approx(own[rows["component"]].tolist(), abs=1e-4)
        crossed = (rows["patched_delta"] > 0) != (rows["baseline_delta"] > 0)
        assert (rows["flipped"] == crossed).all()
        assert not rows["flipped"].iloc[:-1].any()
        assert rows["flipped"].iloc[-1] or len(rows) == MAX_COMPONENTS
    assert _table(finished, "circuits_greedy")["flipped"].any()


def test_equal_models_flip_nothing(finished):
    rows = _table(finished, "circuits_greedy")
    assert not rows[rows["source"] == "TWIN"]["flipped"].any()


def test_circuits_can_be_left_out_and_the_report_says_so(zoo, tmp_path):
    study = zoo.study(
        models=("base", "MLP1"), pairs=("MLP1:base",), scenarios=("CC_continue",),
        circuits=False, steps=("circuits",), output_dir=tmp_path,
    )  # fmt: skip
    record = run(study, terminal=Terminal())
    assert not list(record.path.glob("tables/circuits*"))
    found = json.loads((record.path / "findings.json").read_text())
    (step,) = found["steps"]
    assert "Circuit search skipped" in step["findings"][0]["answer"]
    assert study.chain()[4].cost(study).forwards == 0
