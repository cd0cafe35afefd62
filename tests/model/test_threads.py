"""Views of one base in many threads: every one computes with its own adapter, edits and hooks."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import microtome as mt
from microtome import Ablate, Replace, attn_pattern, head_out, mlp_out, resid_post
from microtome.model.partial import read_only
from microtome.model.replay import record

TEXT = "They defected."
THREADS, RUNS = 8, 1000


@pytest.fixture
def views(checkpoint, adapter):
    """The bare base and two adapters on it."""
    base = mt.load(str(checkpoint("gpt2")), device="cpu")
    return (base, *(base.with_adapter(adapter("gpt2", seed)) for seed in (1, 2)))


def in_threads(call, numbers):
    """call(number) of every number, all numbers mixed over the threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, numbers))


@pytest.mark.medium
def test_a_thousand_runs_in_eight_threads_are_all_their_own_adapters(views):
    expected = [view.run(TEXT, logits="last").logits for view in views]
    assert not torch.allclose(expected[1], expected[2])

    def right(number):
        view = number % len(views)
        return torch.equal(views[view].run(TEXT, logits="last").logits, expected[view])

    found = in_threads(right, range(RUNS))
    assert found.count(False) == 0
    assert len(found) == RUNS


def reads(view):
    run = view.run(TEXT, read=[head_out[1, 2], mlp_out[1]])
    return torch.cat([run[head_out[1, 2]], run[mlp_out[1]]])


def gradients(view):
    run = view.run(TEXT, read=resid_post[0], grad=lambda r: r.final_logits[0, 7], logits="last")
    return run.gradient(resid_post[0])


def replays(view):
    tokens = view.tokenize(TEXT)
    zero = torch.zeros(view.parts.d_model)
    edits = [[Ablate(mlp_out[1])], [Replace(head_out[0, 1], zero)]]
    return record(view, tokens).run(edits)


CALLS = {
    "edited run": lambda view: view.run(TEXT, write=Ablate(mlp_out[0])).logits,
    "reads": reads,
    "gradients": gradients,
    "patterns": lambda view: view.run(TEXT, read=attn_pattern[1])[attn_pattern[1]],
    "replays": replays,
    "part of a pass": lambda view: read_only(view, TEXT, [resid_post[1]])[resid_post[1]],
    "generation": lambda view: torch.tensor(
        mt.sample(view, TEXT, n=1, max_new_tokens=4, temperature=0.0).completions
    ),
    "hf": lambda view: view.hf(input_ids=view.tokenize(TEXT).ids).logits.detach(),
}


def test_everything_that_computes_is_its_views_own_while_others_compute(views):
    """Edits of one thread are hooks on modules that the others run through."""
    jobs = [(name, number) for name in CALLS for number in range(len(views))] * 6
    expected = {job: CALLS[job[0]](views[job[1]]) for job in set(jobs)}
    found = in_threads(lambda job: torch.equal(CALLS[job[0]](views[job[1]]), expected[job]), jobs)
    assert [job for job, right in zip(jobs, found, strict=True) if not right] == []


def test_attaching_an_adapter_does_not_disturb_runs_of_others(checkpoint, adapter):
    base = mt.load(str(checkpoint("llama")), device="cpu")
    first = base.with_adapter(adapter("llama", 1))
    expected = first.run(TEXT).logits

    def call(number):
        if number == 20:
            base.with_adapter(adapter("llama", 2))
        return torch.equal(first.run(TEXT).logits, expected)

    adapter("llama", 2)
    assert all(in_threads(call, range(60)))


def test_a_view_of_hugging_faces_model_stays_the_view_it_was(views):
    base, one, two = views
    ids = base.tokenize(TEXT).ids
    held, method = one.hf, one.hf.generate
    expected = held(input_ids=ids).logits
    two.run(TEXT)
    assert torch.equal(held(input_ids=ids).logits, expected)
    assert torch.equal(held(input_ids=ids).logits, one.run(TEXT).logits)
    greedy = {"do_sample": False, "max_new_tokens": 3, "eos_token_id": None}
    text = method(ids, **greedy)
    two.run(TEXT)
    assert torch.equal(method(ids, **greedy), text)
    assert not torch.equal(two.hf(input_ids=ids).logits, expected)


def test_the_view_says_what_it_is(views):
    base, one, _ = views
    assert one.name in repr(one.hf)
    assert "GPT2LMHeadModel" in repr(one.hf)
    assert "no adapter" in repr(base.hf)
    assert one.adapter in repr(one.hf)
    assert base.hf.config is base.parts.hf.config
    assert one.hf.transformer is base.parts.hf.transformer
    with pytest.raises(AttributeError):
        base.hf.training = True
    with pytest.raises(AttributeError, match="nonsense"):
        _ = base.hf.nonsense
