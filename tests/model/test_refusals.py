"""Bad input to the engine gets one sentence that says what was asked, what exists, what to do."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

import microtome as mt
from microtome import Ablate, Add, Replace, attn_pattern, head_out, parse_site, resid_post
from microtome.errors import (
    AnatomyError,
    AnswerError,
    ConfigError,
    InputError,
    ModelError,
    NumericsError,
    PromptError,
    SiteError,
    UnknownFamilyError,
)
from microtome.model.anatomy import FAMILIES
from tests.model.families import save


@pytest.fixture(scope="module")
def model(checkpoint):
    return mt.load(str(checkpoint("gemma2")))


def test_an_unknown_family_names_the_known_ones(tmp_path):
    folder = save("gpt2", tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "gpt_bigcode"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnknownFamilyError, match=r"(?s)gemma2, gemma3.*Anatomy"):
        mt.load(str(folder))


def test_a_wrong_anatomy_is_refused_with_the_identity_and_the_gap(checkpoint):
    """A llama-like row on Gemma-2 misses the post-norms."""
    wrong = replace(FAMILIES["llama"], norm_offset=1.0, norm_eps="eps")
    with pytest.raises(AnatomyError, match=r"post = pre \+ attn \+ mlp.* is off by [\d.]+"):
        mt.load(str(checkpoint("gemma2")), anatomy=wrong)
    uncapped = replace(FAMILIES["gemma2"], softcap=None)
    with pytest.raises(AnatomyError, match="lens of the last layer"):
        mt.load(str(checkpoint("gemma2")), anatomy=uncapped)


def test_an_anatomy_that_names_no_module_is_refused(checkpoint):
    wrong = replace(FAMILIES["gemma2"], o_proj="self_attn.out")
    with pytest.raises(AnatomyError, match=r"self_attn\.out"):
        mt.load(str(checkpoint("gemma2")), anatomy=wrong)


def test_nan_weights_are_refused_by_name(tmp_path):
    folder = save("llama", tmp_path / "nan")
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][0, 0] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NumericsError, match=r"layers\.1\.mlp\.up_proj"):
        mt.load(str(folder))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nowhere/at-all", "neither a specimen nor a folder"), ("specimen:wrold", "Did you mean")],
)
def test_a_model_that_is_not_there(name, expected):
    with pytest.raises(ModelError, match=expected):
        mt.load(name)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        mt.load(str(tmp_path))


def test_truncated_weights_are_one_sentence(tmp_path):
    folder = save("llama", tmp_path / "short")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        mt.load(str(folder))


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (lambda: resid_post[3], "layers 0 to 2"),
        (lambda: resid_post[-4], "layers 0 to 2"),
        (lambda: head_out[0, 4], "heads 0 to 3"),
        (lambda: resid_post[5:], "names no layer"),
        (lambda: resid_post["a"], "neither"),
        (lambda: resid_post[0, 1], "2 indices"),
    ],
)
def test_sites_that_do_not_exist(model, site, expected):
    with pytest.raises(SiteError, match=expected):
        model.run("hello", read=site())


def test_a_site_that_was_not_read_says_how(model):
    run = model.run("hello", read=resid_post[0])
    with pytest.raises(SiteError, match=r"add it: model\.run"):
        run[resid_post[1]]


def test_read_only_sites_and_shapes(model):
    with pytest.raises(SiteError, match="can be read and not written"):
        Ablate(attn_pattern[0, 0])
    with pytest.raises(InputError, match="broadcasts"):
        model.run("hello", write=Add(resid_post[0], torch.zeros(7)))
    donor = model.run("hello there", read=resid_post[0])
    with pytest.raises(InputError, match="equal length"):
        model.run("hello", write=Replace(resid_post[0], donor))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("", "empty"), ("  \n", "empty"), ("x" * 64, "65 tokens.* takes 64"), ([], "No prompt")],
)
def test_prompts_that_cannot_be_run(model, prompt, expected):
    with pytest.raises(PromptError, match=expected):
        model.run(prompt)


def test_a_position_outside_the_prompt(model):
    with pytest.raises(PromptError, match="0 to 5"):
        model.run("hello", write=Ablate(resid_post[0], positions=(6,)))


def test_answers_that_do_not_differ(model):
    with pytest.raises(AnswerError, match="do not differ"):
        model.answers("I play", " one", " one")
    with pytest.raises(AnswerError, match="empty"):
        model.answers("I play", " one", "")
    with pytest.raises(AnswerError, match="tokens here"):
        model.direction("many", minus="few")


def test_unknown_devices_and_dtypes(checkpoint):
    with pytest.raises(ConfigError, match="dtype"):
        mt.load(str(checkpoint("llama")), dtype="float8")
    with pytest.raises(ConfigError, match="not usable"):
        mt.load(str(checkpoint("llama")), device="cuda:9")


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("resid_post[12]", resid_post[12]),
        ("head_out[5, 3]", head_out[5, 3]),
        ("head_out[:, 1:3]", head_out[:, 1:3]),
        ("blocks.12.hook_resid_post", resid_post[12]),
        ("L5H3", head_out[5, 3]),
        ("L15_MLP", mt.mlp_out[15]),
    ],
)
def test_addresses_are_parsed(text, site):
    assert parse_site(text) == site


@pytest.mark.parametrize("text", ["L5", "resid_pots[1]", "blocks.1.hook_nothing", "head_out[x]"])
def test_addresses_that_are_not(text):
    with pytest.raises(SiteError):
        parse_site(text)


def test_missing_weights_are_refused_not_invented(tmp_path):
    folder = save("llama", tmp_path / "partial")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights \(model\.layers\.1\.mlp\.up_proj"):
        mt.load(str(folder))


def test_token_ids_are_whole_numbers(model):
    """A float would be truncated to another token, True be token 1."""
    for wrong in (1.5, 2.0, True, "3", None, torch.tensor(1.7), torch.tensor(True)):
        with pytest.raises(PromptError, match=r"Prompt 2 holds .* whole numbers"):
            model.run([[1, 2], [1, wrong]])
        with pytest.raises(PromptError, match="whole numbers"):
            mt.sample(model, [1, wrong], n=1, temperature=0.0, max_new_tokens=2)
        with pytest.raises(PromptError, match="whole numbers"):
            mt.sample(model, [1, 2], forced=[wrong], n=1, temperature=0.0, max_new_tokens=2)
    import numpy as np

    plain = model.run([[1, 2]]).logits
    assert torch.equal(model.run([np.array([1, 2])]).logits, plain)
    assert torch.equal(model.run([torch.tensor([1, 2])]).logits, plain)
    assert torch.equal(model.run(torch.tensor([[1, 2]])).logits, plain)


MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize("text", [MESSAGES, [MESSAGES], MESSAGES[0]])
def test_chat_messages_are_no_prompts(model, text):
    with pytest.raises(PromptError, match=r"Prompt 1 is a chat message.*chat=True") as error:
        model.run(text, chat=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [5, None, [5], [None]])
def test_what_is_no_text_at_all(model, text):
    with pytest.raises(PromptError, match="list of prompts"):
        model.run(text)


def test_edits_and_sites_that_are_none(model):
    for wrong in (lambda x: x, [lambda x: x], resid_post[0], "resid_post[0]", 5):
        with pytest.raises(InputError, match=r"write= takes edits and got .*Replace"):
            model.run("hello", write=wrong)
    for wrong in (5, [None], resid_post, Ablate(resid_post[0])):
        with pytest.raises(SiteError, match=r"read= takes sites and got .*resid_post\[12\]"):
            model.run("hello", read=wrong)


def test_a_direction_that_is_none(model):
    run = model.run("hello", read=resid_post[:])
    calls = [
        lambda d: mt.logit_lens(run, d),
        lambda d: mt.attribute(model, "hello", d),
        lambda d: mt.source_tokens(model, "hello", d),
        lambda d: mt.patch(model, "hello", "jelly", resid_post[0], d),
        lambda d: mt.Project(resid_post[0], d),
    ]
    for call in calls:
        for wrong in (" a", 5, None, torch.zeros(32)):
            with pytest.raises(InputError, match=r"reads along a direction, and got .*minus="):
                call(wrong)
    with pytest.raises(InputError, match=r"logit_lens reads a run, and got 'hello'"):
        mt.logit_lens("hello", model.direction(50, 60))


def test_a_model_that_is_loaded_already(model):
    with pytest.raises(InputError, match=r"got a Gemma2ForCausalLM; save") as error:
        mt.load(model.parts.hf)
    assert len(str(error.value)) < 300
    assert torch.equal(mt.load(model.source.path).run("hi").logits, model.run("hi").logits)


@pytest.mark.parametrize("seed", [True, False, 1.0, -1, "3", None])
def test_a_seed_is_a_whole_number(model, seed):
    plus = model.direction(50, 60)
    two = ("hello", "jelly", [head_out[:, :]], plus)
    calls = [
        lambda: mt.sample(model, "hi", n=1, temperature=1.0, max_new_tokens=1, seed=seed),
        lambda: mt.verify(model, *two, k=1, sample=2, seed=seed),
        lambda: mt.assess_circuit(model, *two, ("L0H0",), n_random=1, seed=seed),
        lambda: mt.patch_neurons(model, "hello", "jelly", plus, k=1, sample=1, seed=seed),
    ]
    for call in calls:
        with pytest.raises(InputError, match="no whole number"):
            call()
