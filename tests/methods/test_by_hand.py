"""Numbers of the methods against the same numbers made by hand from Hugging Face's own modules."""

import math

import pytest
import torch
from torch import nn

import microtome as mt
from microtome import Ablate, Project, head_out, mlp_out, resid_post
from microtome.model.direction import Direction

TEXT, OTHER = "I cooperate, not at all! ", "I cooperate, now and then"
PLUS, MINUS = 50, 60


@pytest.fixture
def biased(checkpoint):
    """A GPT-2 whose unembedding has a bias, as GPT-J's and Phi's have."""
    model = mt.load(str(checkpoint("gpt2")), device="cpu")
    generator = torch.Generator().manual_seed(3)
    bias = 5 * torch.randn(model.parts.config.vocab_size, generator=generator)
    model.parts.hf.lm_head.bias = nn.Parameter(bias, requires_grad=False)
    return model


def through_hooks(model, text):
    """Inputs of attention's projection, contributions and states of every layer, by plain hooks."""
    hf, seen = model.parts.hf, {}

    def keep(name, pick):
        return lambda _, args, out: seen.__setitem__(name, pick(args, out)[0, -1].double())

    handles = [hf.transformer.ln_f.register_forward_hook(keep("final", lambda a, o: a[0]))]
    for n, block in enumerate(hf.transformer.h):
        hooks = {
            f"pre{n}": (block, lambda a, o: a[0]),
            f"z{n}": (block.attn.c_proj, lambda a, o: a[0]),
            f"mlp{n}": (block.mlp, lambda a, o: o),
        }
        handles += [m.register_forward_hook(keep(name, p)) for name, (m, p) in hooks.items()]
    with torch.no_grad():
        logits = hf(input_ids=model.tokenize(text).ids).logits[0, -1].double()
    for handle in handles:
        handle.remove()
    return seen, logits


def test_attribution_is_the_split_made_by_hand(biased):
    """Every line of the table, with the unembedding's bias, and nothing counted twice."""
    direction = biased.direction(PLUS, MINUS)
    bias = biased.parts.hf.lm_head.bias.double()
    assert direction.bias == pytest.approx(float(bias[PLUS] - bias[MINUS]))
    seen, logits = through_hooks(biased, TEXT)
    found = {line["component"]: line["contribution"] for line in
             mt.attribute(biased, TEXT, direction).rows()}  # fmt: skip
    hf = biased.parts.hf
    norm, x = hf.transformer.ln_f, seen["final"]
    rows = hf.lm_head.weight.double()
    g = (
        norm.weight.double()
        * (rows[PLUS] - rows[MINUS])
        / (x.var(unbiased=False) + norm.eps).sqrt()
    )
    g = g - g.mean()
    expected = {"embedding": g @ seen["pre0"], "rounding": torch.tensor(0.0)}
    expected["final_bias"] = norm.bias.double() @ (rows[PLUS] - rows[MINUS])
    expected["final_bias"] = expected["final_bias"] + bias[PLUS] - bias[MINUS]
    width = biased.parts.d_head
    for n, block in enumerate(hf.transformer.h):
        weight = block.attn.c_proj.weight.double()
        for h in range(biased.n_heads):
            columns = slice(h * width, (h + 1) * width)
            expected[f"L{n}H{h}"] = g @ (seen[f"z{n}"][columns] @ weight[columns])
        expected[f"L{n}_ATTN_BIAS"] = g @ block.attn.c_proj.bias.double()
        expected[f"L{n}_MLP"] = g @ seen[f"mlp{n}"]
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), abs=2e-5), name
    gap = float(logits[PLUS] - logits[MINUS])
    assert sum(found.values()) == pytest.approx(gap, abs=1e-4)
    assert sum(map(float, expected.values())) == pytest.approx(gap, abs=1e-4)


def test_a_direction_without_tokens_carries_its_bias(checkpoint):
    model = mt.load(str(checkpoint("gpt2")), device="cpu")
    rows = model.parts.hf.lm_head.weight.detach()
    named = Direction(rows[PLUS] - rows[MINUS], "unembedding", "named", (), 0.7)
    run = model.run(TEXT, read=resid_post[:])
    gap = float(run.final_logits[0, PLUS] - run.final_logits[0, MINUS])
    split = mt.attribute(model, TEXT, named)
    assert float(split.delta[0]) == pytest.approx(gap + 0.7, abs=1e-5)
    assert all(audit.passed for audit in split.audit)
    lens = mt.logit_lens(run, named)
    assert float(lens.trajectory[-1, 0]) == pytest.approx(gap + 0.7, abs=1e-5)


def frozen_by_hand(model, direction, layer, head):
    """Σ_pos <donor − receiver write through the post-norm of fixed scale, ∂Δ/∂attention>."""
    block = model.parts.hf.model.layers[layer]
    norm, o_proj, width = block.post_attention_layernorm, block.self_attn.o_proj, model.parts.d_head
    columns = slice(head * width, (head + 1) * width)
    kept = {}

    def forward(text, grad):
        kept.clear()
        handles = [
            o_proj.register_forward_hook(lambda _, a, o: kept.update(z=a[0], o=o)),
            norm.register_forward_hook(lambda _, a, o: kept.update(out=o)),
            block.register_forward_pre_hook(
                lambda _, a, k: ((a[0].detach().requires_grad_(True), *a[1:]), k), with_kwargs=True
            ),
        ]
        with torch.set_grad_enabled(grad):
            logits = model.parts.hf(input_ids=model.tokenize(text).ids).logits[0, -1].double()
        for handle in handles:
            handle.remove()
        return logits[PLUS] - logits[MINUS], dict(kept)

    _, donor = forward(OTHER, False)
    delta, own = forward(TEXT, True)
    (slope,) = torch.autograd.grad(delta, own["out"])
    write = (donor["z"] - own["z"].detach())[..., columns] @ o_proj.weight[:, columns].T
    scale = torch.rsqrt(own["o"].detach().pow(2).mean(-1, keepdim=True) + norm.eps)
    return float((scale * (1 + norm.weight) * write * slope).sum())


def test_attribution_patching_holds_the_post_norms_scale(checkpoint):
    """The default; the slope of the moving scale is another number, and asked for by name."""
    model = mt.load(str(checkpoint("gemma2")), device="cpu")
    direction = model.direction(PLUS, MINUS)
    asked = (model, TEXT, OTHER, head_out[:, :], direction)
    default, exact = (
        mt.attribution_patching(*asked, **options).values[0]
        for options in ({}, {"post_norm": "exact"})
    )
    for place, (layer, head) in {1: (0, 1), 6: (1, 2), 11: (2, 3)}.items():
        by_hand = frozen_by_hand(model, direction, layer, head)
        assert float(default[place]) == pytest.approx(by_hand, rel=1e-3, abs=1e-6)
        assert float(exact[place]) != pytest.approx(by_hand, rel=1e-2)


def test_a_mean_ablation_puts_the_mean_there(checkpoint):
    model = mt.load(str(checkpoint("gpt2")), device="cpu")
    mean = torch.randn(model.parts.d_model, generator=torch.Generator().manual_seed(0))
    logits = {}
    for name, edit in {"mean": Ablate(mlp_out[1], mean=mean), "zero": Ablate(mlp_out[1])}.items():
        run = model.run(TEXT, write=edit, read=mlp_out[1])
        expected = mean if name == "mean" else torch.zeros_like(mean)
        assert torch.equal(run[mlp_out[1]], expected.expand_as(run[mlp_out[1]]))
        logits[name] = run.logits
    assert not torch.allclose(logits["mean"], logits["zero"])
    per_layer = torch.stack([mean, -mean])[:, None, None]
    run = model.run(TEXT, write=Ablate(mlp_out[1:3], mean=per_layer), read=mlp_out[1:3])
    assert torch.equal(run[mlp_out[1:3]], per_layer.expand_as(run[mlp_out[1:3]]))


@pytest.mark.parametrize("length", [0.01, 1.0, 40.0])
def test_a_projection_depends_on_the_direction_and_not_on_its_length(checkpoint, length):
    model = mt.load(str(checkpoint("gpt2")), device="cpu")
    vector = torch.randn(model.parts.d_model, generator=torch.Generator().manual_seed(0))
    unit = (vector / vector.norm()).double()
    edit = Project(resid_post[1], Direction(length * vector, "residual", "random"))
    before = model.run(TEXT, read=resid_post[1])[resid_post[1]].double()
    after = model.run(TEXT, write=edit, read=resid_post[1])[resid_post[1]].double()
    expected = before - (before @ unit)[..., None] * unit
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)
    assert (before - after).abs().max() > 0.1


def test_entropies_are_in_nats(checkpoint):
    """−Σ p ln p of every step's distribution, by Python's own logarithm."""
    model = mt.load(str(checkpoint("gpt2")), device="cpu")
    drawn = mt.sample(model, TEXT, n=2, temperature=1.0, max_new_tokens=4, top2=True, stop=())
    for row, ids in enumerate(drawn.completions):
        for step in range(len(ids)):
            text = [*drawn.prompt_ids, *ids[:step]]
            p = model.run([text], logits="last").logits[0].double().softmax(-1).tolist()
            entropy = -math.fsum(x * math.log(x) for x in p if x > 0)
            assert float(drawn.entropy[row, step]) == pytest.approx(entropy, abs=1e-4)
