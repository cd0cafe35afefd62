"""A dry run: the target's architecture and tokenizer, tiny, random and marked."""

import pytest

from microtome.lab.dry import rehearse
from microtome.lab.terminal import Terminal
from microtome.studies.misconceptions import Misconceptions

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def target(tmp_path_factory, world):
    """A model folder that is no specimen by name."""
    folder = tmp_path_factory.mktemp("target")
    world.hf.save_pretrained(folder)
    world.tokenizer.save_pretrained(folder)
    return folder


def test_every_step_is_rehearsed_on_a_stand_in(target, tmp_path):
    study = Misconceptions(
        model=str(target), random_dictionary=True, layers=(0, 3), generated=12,
        permutations=20, resamples=200, max_new_tokens=2, output_dir=tmp_path,
    )  # fmt: skip
    rehearsal = rehearse(study, terminal=Terminal())
    manifest = rehearsal.record.manifest
    assert manifest.dry_run
    assert [s.status for s in manifest.steps.values()] == ["finished"] * 6
    assert "random" in manifest.provenance["stand_in"]
    assert rehearsal.units == {
        "prompts": 5,
        "features": 5,
        "contrast": 0,
        "factors": 5,
        "ablate": 2,
        "verdicts": 2,
    }
    assert not (tmp_path / "misconceptions").exists()
    assert rehearsal.memory > 0
    more = study.model_copy(update={"generated": 40})
    for step in study.chain():
        assert step.cost(more).forwards >= step.cost(study).forwards


def test_a_specimen_is_rehearsed_on_itself():
    study = Misconceptions(model="specimen:world")
    assert study.dry() == study
