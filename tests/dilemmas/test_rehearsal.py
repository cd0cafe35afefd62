"""A dry run: the target's architecture and tokenizer, tiny and random, marked as such."""

import pytest
from transformers import AutoConfig, AutoTokenizer

import microtome as mt
from microtome.lab.dry import rehearse
from microtome.lab.terminal import Terminal
from microtome.model.tiny import tiny_model
from microtome.studies.dilemmas import Dilemmas

pytestmark = pytest.mark.medium


def test_every_step_is_rehearsed_on_a_stand_in(zoo, tmp_path):
    study = zoo.study(models=("base", "PT2_COREDe"), pairs=("base:PT2_COREDe",))
    study = study.model_copy(update={"output_dir": tmp_path})
    rehearsal = rehearse(study, terminal=Terminal())
    manifest = rehearsal.record.manifest
    assert manifest.dry_run
    assert list(manifest.steps) == [step.name for step in study.chain()]
    assert all(step.status == "finished" for step in manifest.steps.values())
    assert rehearsal.units == {
        "behaviour": 4,
        "lens": 4,
        "attribution": 4,
        "patching": 2,
        "circuits": 1,
        "comparison": 1,
    }
    assert not (tmp_path / "dilemmas").exists(), "a dry run leaves nothing in the output folder"


def test_costs_grow_with_models_and_wordings(zoo):
    few, more = zoo.study(models=("base",)), zoo.study(models=("base",), wordings=3)
    for step, again in zip(few.chain()[:3], more.chain()[:3], strict=True):
        one, two = step.cost(few), again.cost(more)
        assert two.forwards == 2 * one.forwards > 0
        assert two.tokens > one.tokens
    patching = few.chain()[3]
    nodes = 3 * (4 + 3)
    assert patching.cost(few).forwards > 3 * 6 * nodes, "3 pairs, 6 prompts, every node"


def test_token_prediction_is_near_the_tokenizer(zoo):
    study = zoo.study(models=("base",))
    tokenizer = AutoTokenizer.from_pretrained(zoo.model)
    from microtome.studies.dilemmas.wordings import prompts_of

    prompts = [p.prompt for ps in prompts_of(study).values() for p in ps]
    real = sum(len(tokenizer(p)["input_ids"]) for p in prompts)
    assert study.chain()[1].cost(study).tokens == pytest.approx(real, rel=0.25)


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3", "gemma2"])
def test_the_stand_in_keeps_family_and_head_ratio_and_loads(checkpoint, family, tmp_path):
    folder = tiny_model(str(checkpoint(family)), tmp_path / "tiny")
    big, small = (AutoConfig.from_pretrained(f) for f in (checkpoint(family), folder))
    assert big.model_type == small.model_type
    assert big.vocab_size == small.vocab_size
    assert small.num_hidden_layers == 2
    kv = [getattr(c, "num_key_value_heads", c.num_attention_heads) for c in (big, small)]
    assert big.num_attention_heads * kv[1] == small.num_attention_heads * kv[0]
    assert mt.load(str(folder)).n_layers == 2


def test_a_specimen_is_rehearsed_on_itself():
    study = Dilemmas(model="specimen:world")
    assert study.dry() == study
