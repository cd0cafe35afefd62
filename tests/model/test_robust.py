"""What must not go wrong silently: refused adapters leave no trace, donors and edits fit."""

import json
from dataclasses import replace

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import microtome as mt
from microtome import Ablate, Add, Replace, head_out, head_z, resid_mid, resid_post, resid_pre
from microtome.errors import AdapterError, AnswerError, InputError, PromptError, SiteError
from microtome.model.tokens import Tokens
from tests.model.families import save, save_adapter

TEXT = "They defected."


@pytest.fixture
def model(checkpoint):
    return mt.load(str(checkpoint("gemma2")), device="cpu")


def lora(base, folder, **changes):
    """A real adapter with other settings than the plain one."""
    options = {"r": 4, "target_modules": ["q_proj", "o_proj"], "task_type": "CAUSAL_LM"} | changes
    torch.manual_seed(3)
    peft = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(**options))
    with torch.no_grad():
        for name, value in peft.named_parameters():
            if "lora_" in name:
                value.normal_(0, 0.2)
    peft.save_pretrained(folder)
    return folder


def test_an_adapter_that_does_not_fit_leaves_no_trace(model, adapter, tmp_path):
    narrow = save("gemma2", tmp_path / "narrow", intermediate_size=40)
    bad = save_adapter(narrow, tmp_path / "bad")
    clean = model.run(TEXT).logits
    for _ in range(2):
        with pytest.raises(AdapterError, match="does not fit"):
            model.with_adapter(bad)
        assert torch.equal(model.run(TEXT).logits, clean)
    good = model.with_adapter(adapter("gemma2", 1))
    fresh = mt.load(str(model.source.path), adapter=adapter("gemma2", 1), device="cpu")
    assert torch.equal(good.run(TEXT).logits, fresh.run(TEXT).logits)
    with pytest.raises(AdapterError):
        model.with_adapter(bad)
    assert torch.equal(good.run(TEXT).logits, fresh.run(TEXT).logits)
    assert torch.equal(model.run(TEXT).logits, clean)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"modules_to_save": ["norm"]}, "modules_to_save"),
        ({"lora_bias": True}, "lora_bias"),
        ({"use_dora": True}, "DoRA"),
        ({"target_modules": ["q_proj", "lm_head"]}, "unembedding"),
    ],
)
def test_adapters_that_are_more_than_a_delta_are_refused(changes, reason, checkpoint, tmp_path):
    base = checkpoint("llama")
    model = mt.load(str(base), device="cpu")
    clean = model.run(TEXT).logits
    with pytest.raises(AdapterError, match=reason):
        model.with_adapter(lora(base, tmp_path / "lora", **changes))
    assert torch.equal(model.run(TEXT).logits, clean)


def test_a_broken_adapter_configuration_is_one_sentence(model, tmp_path):
    for text in ("{", "[]", json.dumps({"peft_type": "NOVEL"})):
        (tmp_path / "adapter_config.json").write_text(text)
        with pytest.raises(AdapterError):
            model.with_adapter(tmp_path)


def test_an_adapter_trained_on_is_read_anew(checkpoint, tmp_path):
    model = mt.load(str(checkpoint("gemma2")), device="cpu")
    folder = save_adapter(checkpoint("gemma2"), tmp_path / "lora", seed=1)
    before = model.with_adapter(folder).run(TEXT).logits
    save_adapter(checkpoint("gemma2"), folder, seed=2)
    after = model.with_adapter(folder)
    fresh = mt.load(str(checkpoint("gemma2")), adapter=folder, device="cpu").run(TEXT).logits
    assert not torch.allclose(after.run(TEXT).logits, before)
    assert torch.equal(after.run(TEXT).logits, fresh)


def test_a_merged_model_does_not_pose_as_its_base(checkpoint, adapter):
    merged = mt.load(str(checkpoint("llama")), adapter=adapter("llama", 1), merge=True)
    for other in (None, adapter("llama", 2)):
        with pytest.raises(AdapterError, match="was merged"):
            merged.with_adapter(other)


def test_donors_with_other_padding_or_lengths_are_refused(model):
    texts = ["I cooperated", "no"]
    left = replace(model, padding="left").run(texts, read=resid_post[1])
    turned = model.run(texts[::-1], read=resid_post[1])
    for donor in (left, turned):
        with pytest.raises(InputError, match="other padding"):
            model.run(texts, write=Replace(resid_post[1], donor))


def test_edits_of_a_layer_follow_its_computation_whatever_their_order(model):
    value = torch.randn(model.parts.d_model, generator=torch.Generator().manual_seed(0))
    z = torch.ones(model.parts.d_head)
    cases = [
        ([Replace(resid_mid[1], value), Add(resid_pre[1], torch.ones(32))], resid_mid[1]),
        ([Replace(head_out[1, 0], value, frozen=True), Add(head_z[1, 0], z)], head_out[1, 0]),
        ([Replace(head_out[1, 0], value, frozen=True), Ablate(head_out[1, 1])], head_out[1, 0]),
    ]
    for edits, site in cases:
        found = [model.run(TEXT, write=order, read=site)[site] for order in (edits, edits[::-1])]
        torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found[0][0], value.expand_as(found[0][0]), atol=2e-5, rtol=1e-4)


def test_positions_outside_the_prompt_are_refused_in_replays_too(model):
    with pytest.raises(PromptError, match="Position 100"):
        mt.patch(
            model, TEXT, TEXT, resid_post[0], model.direction(50, 60),
            positions=(100,), audited=False,
        )  # fmt: skip


def test_tokens_are_whole_prompts(model):
    with pytest.raises(PromptError, match="Prompt 2 has no tokens"):
        model.run([[1, 2], []])
    hole = torch.tensor([[True, True, False, True]])
    with pytest.raises(PromptError, match="padding between"):
        Tokens(torch.ones(1, 4, dtype=torch.long), hole)
    long = Tokens(torch.ones(1, 80, dtype=torch.long), torch.ones(1, 80, dtype=torch.bool))
    with pytest.raises(PromptError, match="takes 64"):
        model.run(long)
    with pytest.raises(PromptError, match="list of prompts"):
        model.run([1, 2, 3])
    with pytest.raises(PromptError, match="outside the vocabulary"):
        model.run([[1, 100_000]])


@pytest.mark.parametrize("rows", [(5,), (-1,), ()])
def test_rows_outside_the_batch_are_refused(model, rows):
    with pytest.raises(InputError, match="rows="):
        model.run(TEXT, write=Ablate(resid_post[0], rows=rows))


def test_small_mistakes_are_sentences(model):
    with pytest.raises(InputError, match="'all' or 'last'"):
        model.run(TEXT, logits="lats")
    with pytest.raises(SiteError, match="steps by 0"):
        model.run(TEXT, read=resid_post[::0])
    with pytest.raises(SiteError, match="neither number nor slice"):
        mt.parse_site("resid_post[-]")
    with pytest.raises(InputError, match="constant"):
        model.run(TEXT, read=resid_post[0], grad=lambda run: torch.zeros(()))
    graded = model.run(TEXT, read=resid_post[:], grad=lambda run: run.logits[0, -1, 5])
    assert torch.equal(graded.gradient(resid_post[-1]), graded.gradient(resid_post[2]))
    with pytest.raises(SiteError, match="one gradient at a time"):
        graded.gradient(resid_post[:])
    with pytest.raises(InputError, match="max_rows"):
        mt.patch(model, TEXT, TEXT, resid_post[0], model.direction(50, 60), max_rows=0)
    by_name = model.run(TEXT, read="resid_post[0]")
    assert torch.equal(by_name[resid_post[0]], model.run(TEXT, read=resid_post[0])[resid_post[0]])


def test_weights_changed_in_place_are_seen(checkpoint):
    model = mt.load(str(checkpoint("llama")), dtype="bfloat16", device="cpu")
    site = head_out[0, 1]
    before = model.run(TEXT, read=site)[site]
    with torch.no_grad():
        model.parts.block(0, "self_attn.o_proj").weight.mul_(2)
    torch.testing.assert_close(model.run(TEXT, read=site)[site], 2 * before)


def test_attribution_of_a_run_uses_that_runs_model(checkpoint, adapter):
    base = mt.load(str(checkpoint("gemma2")), device="cpu")
    other = base.with_adapter(adapter("gemma2", 1))
    from microtome.methods.attribution import SITES

    run = other.run(TEXT, read=SITES)
    direction = base.direction(50, 60)
    via_run = mt.attribute(base, run, direction)
    assert all(audit.passed for audit in via_run.audit)
    torch.testing.assert_close(via_run.heads, mt.attribute(other, TEXT, direction).heads)


def test_an_answer_that_swallows_the_whole_prompt_is_refused(tmp_path):
    from tests.model.families import byte_tokenizer, random_model

    random_model("gpt2").save_pretrained(tmp_path)
    tokenizer = byte_tokenizer()
    tokenizer.backend_tokenizer.post_processor = None
    tokenizer.add_tokens(["ab"])
    tokenizer.save_pretrained(tmp_path)
    model = mt.load(str(tmp_path), device="cpu")
    with pytest.raises(AnswerError, match="merges"):
        model.answers("a", "bx", "by")


def test_values_with_too_many_axes_and_empty_directions_are_refused(model):
    from microtome import Project
    from microtome.model.direction import Direction

    with pytest.raises(InputError, match="axes"):
        model.run(TEXT, write=Replace(head_out[0:1, 0:2], torch.zeros(2, 1, 15, 32)))
    zero = Direction(torch.zeros(32), "residual", "nothing")
    with pytest.raises(InputError, match="zero"):
        Project(resid_post[0], zero)


def test_projection_removes_the_component_in_fp32(model):
    from microtome import Project
    from microtome.model.direction import Direction

    vector = torch.randn(32, generator=torch.Generator().manual_seed(0))
    edit = Project(resid_post[1], Direction(vector, "residual", "random"))
    left = model.run(TEXT, write=edit, read=resid_post[1])[resid_post[1]] @ (vector / vector.norm())
    assert left.abs().max() <= 1e-5


def test_a_verification_says_what_its_sample_can(model):
    nodes = [head_out[:, :], mt.mlp_out[:]]
    args = (model, "I cooperate", "I defected!", nodes, model.direction(50, 60))
    with pytest.raises(InputError, match="count nodes"):
        mt.verify(*args, k=-1)
    alone = mt.verify(*args, k=3, sample=0)
    assert alone.statement.startswith("No random sample was patched")
    members = ("L0H0", "L0H0", "L1_MLP")
    circuit = mt.assess_circuit(*args, members, n_random=3)
    assert circuit.members == ("L0H0", "L1_MLP")
