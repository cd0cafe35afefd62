"""Dry runs touch every step on a stand-in, ask nobody, and tell the cost."""

import json

import pytest

from microtome.lab.dry import rehearse
from microtome.lab.terminal import Terminal
from microtome.specimens import world
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.problem_set import problems_of
from tests.data.faulty import faulty, status


@pytest.mark.medium
def test_a_dry_run_of_a_folder_uses_a_stand_in_and_asks_nobody(tmp_path):
    with faulty(status(500)) as server:
        study = Sampling(
            model=str(world.folder()), output_dir=tmp_path, n_problems=3, samples=4,
            temperatures=(0.0, 1.0), checkpoints=(4, 8), max_new_tokens=12, stride=2, interval=4,
            branch_tokens=8, cluster_samples=15, cluster_tokens=16, resamples=100,
            oracle_model="big", oracle_url=server.url, judge_enabled=True, judge_model="big",
            judge_url=server.url, steps=("variance", "manifold", "drift", "clusters"),
        )  # fmt: skip
        found = rehearse(study, terminal=Terminal())
        assert server.requests == []
    assert found.record.manifest.dry_run
    assert found.units == {"variance": 6, "manifold": 3, "drift": 3, "clusters": 3}
    assert all(cost.forwards > 0 and cost.flops > 0 for cost in found.costs.values())
    assert found.memory > 0
    assert len(found.record.table("clusterings")) == 2
    assert not list(tmp_path.iterdir()), "nothing is left where runs belong"
    saved = json.loads((found.record.path / "configuration.json").read_text())
    assert "stand-in" in saved["configuration"]["model"]


def test_a_specimen_rehearses_on_itself():
    study = Sampling.demo()
    assert study.dry().model == "specimen:world"


def test_the_problems_are_part_of_what_a_run_is():
    study = Sampling.demo()
    assert len(problems_of(study)) == 8
    other = study.model_copy(update={"seed": 7})
    assert study.provenance()["problems"] != other.provenance()["problems"]
    assert study.provenance() == Sampling.demo().provenance()
    assert study.provenance()["specimen"] is True
