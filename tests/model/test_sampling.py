"""Completions that share a prefix are those of whole passes, and so are their pooled states."""

import math

import pytest
import torch

import microtome as mt
from microtome import resid_post
from microtome.errors import InputError, NumericsError, PromptError, SiteError, StrideError
from microtome.model.sampling import Pooling, continue_greedily, sample, teacher_forced
from microtome.model.sampling.draw import Rule, choose
from microtome.model.sampling.loop import feed, prefill
from microtome.model.tokens import stack
from tests.model.families import params

PROMPT = "They count, "
EVERY = Pooling((resid_post[:],), stride=2, checkpoints=(4, 10, 24))


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


@pytest.fixture
def gemma(checkpoint):
    return mt.load(str(checkpoint("gemma2")))


def gap(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


def test_logits_behind_a_shared_prefix_are_those_of_a_whole_pass(model):
    """Beyond the sliding window (5) and a growth of the cache, for rows that differ."""
    prompt = model.tokenize(PROMPT).ids[0].tolist()
    ids = torch.randint(3, 250, (3, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        batch = prefill(model, stack([prompt], 0)).branch(torch.arange(3), torch.zeros(3).long())
        steps = []
        for column in ids.T:
            feed(model, batch, column, None, 0)
            steps.append(batch.logits)
    whole = model.run([prompt + row for row in ids.tolist()]).logits[:, len(prompt) :]
    assert gap(torch.stack(steps, 1), whole) <= 1e-5


def test_pooled_states_are_those_of_a_whole_pass(model):
    """The last sampled token lies in S: its state is there too."""
    samples = sample(
        model, PROMPT, n=5, temperature=1.0, max_new_tokens=24, pooling=EVERY, top2=True
    )
    assert 24 in samples.lengths
    forced = teacher_forced(model, PROMPT, samples.completions, EVERY, top2=True)
    for checkpoint in EVERY.checkpoints:
        rows = torch.nonzero(samples.counts(checkpoint) >= 2)[:, 0].tolist()
        found, expected = (
            (made.latents(checkpoint, rows), *made.halves(checkpoint, rows))
            for made in (samples, forced)
        )
        for ours, theirs in zip(found, expected, strict=True):
            assert gap(ours, theirs) <= 1e-5
        assert torch.equal(samples.alive(checkpoint), forced.alive(checkpoint))
    torch.testing.assert_close(
        samples.log_probs, forced.log_probs, atol=2e-5, rtol=1e-5, equal_nan=True
    )
    torch.testing.assert_close(
        samples.entropy, forced.entropy, atol=2e-5, rtol=1e-4, equal_nan=True
    )


def test_latents_are_the_means_they_are_said_to_be(gemma):
    """Against activations read by one run, position by position."""
    samples = sample(gemma, PROMPT, n=2, temperature=1.0, max_new_tokens=24, pooling=EVERY, stop=())
    prompt = list(samples.prompt_ids)
    for row, ids in enumerate(samples.completions):
        states = gemma.run([prompt + list(ids)], read=resid_post[:])[resid_post[:]][:, 0]
        generated = states[:, len(prompt) :]
        for checkpoint, members in ((4, [2, 4]), (10, [2, 4, 6, 8, 10])):
            picked = generated[:, [t - 1 for t in members]]
            found = samples.latents(checkpoint)[:, row]
            assert gap(found, picked.mean(1)) <= 1e-5
            odd, even = samples.halves(checkpoint)
            assert gap(odd[:, row], picked[:, ::2].mean(1)) <= 1e-5
            assert gap(even[:, row], picked[:, 1::2].mean(1)) <= 1e-5
    assert samples.counts(10).tolist() == [5, 5]


def test_a_sample_is_the_same_whatever_the_batch(gemma):
    ways = [
        sample(gemma, PROMPT, n=n, temperature=1.3, max_new_tokens=m, batch=batch, pooling=EVERY)
        for n, m, batch in ((7, 24, None), (7, 24, 2), (3, 24, 1), (9, 30, 4))
    ]
    for other in ways[1:]:
        for mine, theirs in zip(ways[0].completions, other.completions, strict=False):
            assert mine == theirs[: len(mine)]
    assert gap(ways[0].latents(24), ways[1].latents(24)) <= 1e-5
    again = sample(gemma, PROMPT, n=3, temperature=1.3, max_new_tokens=24, seed=43)
    assert again.completions != ways[0].completions[:3]
    assert len(set(ways[0].completions)) == 7


def test_draws_follow_the_distribution(gemma):
    """The frequencies of the first token, by chi-square; a tempered model's do not pass."""
    from scipy.stats import chisquare

    n, temperature = 4000, 0.6
    logits = gemma.run(PROMPT, logits="last").logits[0].double()
    found = sample(gemma, PROMPT, n=n, temperature=temperature, max_new_tokens=1, stop=(), batch=n)
    counts = torch.bincount(torch.tensor(found.completions)[:, 0], minlength=300)

    def p_value(expected):
        often = expected * n >= 5
        seen = torch.cat([counts[often], counts[~often].sum()[None]]).double()
        due = torch.cat([expected[often], expected[~often].sum()[None]]) * n
        return chisquare(seen.numpy(), due.numpy()).pvalue

    assert p_value((logits / temperature).softmax(-1)) > 1e-3
    assert p_value(logits.softmax(-1)) < 1e-6


def test_truncation_is_off_unless_asked():
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0]]).expand(500, 4)
    uniform = torch.rand(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert set(choose(logits, Rule(1.0), uniform).ids.tolist()) == {0, 1, 2, 3}
    assert set(choose(logits, Rule(1.0, top_k=2), uniform).ids.tolist()) == {0, 1}
    assert set(choose(logits, Rule(1.0, top_p=0.8), uniform).ids.tolist()) == {0, 1}
    tied = torch.tensor([[1.0, 4.0, 4.0, 4.0]])
    greedy = choose(tied, Rule(0.0), None, top2=True)
    assert greedy.ids[0] == greedy.top2_ids[0, 0]
    edge = torch.tensor([0.0, 1.0 - 2.0**-53], dtype=torch.float64)
    assert choose(logits[:2], Rule(1.0, top_k=2), edge).ids.tolist() == [0, 1]
    picked = choose(logits, Rule(2.0, top_k=2), uniform)
    p = torch.tensor([1.5, 1.0]).softmax(-1).log()
    torch.testing.assert_close(picked.sampling_log_probs, p[picked.ids])


def test_greedy_is_generate(gemma):
    ids = gemma.tokenize(PROMPT).ids
    theirs = gemma.hf.generate(ids, do_sample=False, max_new_tokens=20, eos_token_id=None)
    ours = sample(gemma, PROMPT, n=1, temperature=0, max_new_tokens=20, stop=(), top2=True)
    assert list(ours.completions[0]) == theirs[0, ids.shape[1] :].tolist()
    assert ours.top2_ids[0, :, 0].tolist() == list(ours.completions[0])
    assert (ours.top2_p[..., 0] >= ours.top2_p[..., 1]).all()
    torch.testing.assert_close(ours.top2_p[..., 0].log(), ours.log_probs, atol=1e-5, rtol=1e-4)


def test_a_completion_stops_before_its_eos_and_leaves_the_others_alone(gemma):
    free = sample(gemma, PROMPT, n=8, temperature=1.0, max_new_tokens=24, stop=(), pooling=EVERY)
    ends = [free.completions[0][9], free.completions[3][5], free.completions[5][15]]
    samples = sample(
        gemma, PROMPT, n=8, temperature=1.0, max_new_tokens=24, stop=ends, pooling=EVERY
    )
    for row, ids in enumerate(free.completions):
        stop = next((i for i, token in enumerate(ids) if token in ends), None)
        assert samples.completions[row] == (ids if stop is None else ids[:stop])
        assert samples.finished[row] == (stop is not None)
        assert torch.isnan(samples.log_probs[row, samples.lengths[row] :]).all()
    rows = torch.nonzero(samples.counts(24) > 0)[:, 0].tolist()
    kept = [samples.completions[row] for row in rows]
    forced = teacher_forced(gemma, PROMPT, kept, EVERY)
    assert gap(samples.latents(24, rows), forced.latents(24)) <= 1e-5
    assert samples.counts(24).tolist() == [min(t, 24) // 2 for t in samples.lengths]
    assert 0 < sum(samples.finished) < 8, "some rows must stop and some must not"


def test_a_forced_prefix_is_outside_the_pool_and_a_first_token_inside(gemma):
    forced = (40, 50, 60)
    samples = sample(
        gemma, PROMPT, n=3, temperature=1.0, max_new_tokens=10, stop=(), forced=forced,
        first=(70, 71, 72), pooling=Pooling((resid_post[1],), 1, (10,)),
    )  # fmt: skip
    assert samples.forced == forced
    assert [ids[0] for ids in samples.completions] == [70, 71, 72]
    assert samples.sampling_log_probs[:, 0].isnan().all()
    prompt = [*samples.prompt_ids, *forced]
    again = teacher_forced(gemma, prompt, samples.completions, samples.pools.pooling)
    assert gap(samples.latents(10), again.latents(10)) <= 1e-5
    torch.testing.assert_close(samples.log_probs, again.log_probs, atol=2e-5, rtol=1e-5)


def test_prefixes_of_any_length_go_on_side_by_side(model):
    prefixes = [[], [40, 41, 42], [50] * 9]
    together = continue_greedily(
        model, PROMPT, prefixes, max_new_tokens=24, first=[9, 8, 7], pooling=EVERY, stop=()
    )
    for row, prefix in enumerate(prefixes):
        alone = sample(
            model, PROMPT, n=1, temperature=0, max_new_tokens=24, forced=prefix,
            first=[together.completions[row][0]], pooling=EVERY, stop=(),
        )  # fmt: skip
        assert alone.completions[0] == together.completions[row]
        assert gap(together.latents(24)[:, row], alone.latents(24)[:, 0]) <= 1e-5


@pytest.mark.parametrize("family", ["gemma2", pytest.param("phi3", marks=pytest.mark.medium)])
def test_the_adapter_of_the_view_is_the_one_that_speaks(checkpoint, adapter, family):
    base = mt.load(str(checkpoint(family)))
    tuned = base.with_adapter(adapter(family))
    draw = {"n": 2, "temperature": 1.0, "max_new_tokens": 12, "stop": (), "pooling": None}
    one, two = sample(tuned, PROMPT, **draw), sample(base, PROMPT, **draw)
    assert one.completions != two.completions
    forced = teacher_forced(tuned, PROMPT, one.completions)
    torch.testing.assert_close(one.log_probs, forced.log_probs, atol=2e-5, rtol=1e-5)


def test_a_stride_longer_than_a_completion_names_it(gemma):
    pooling = Pooling((resid_post[0],), 8, (24,))
    samples = sample(gemma, PROMPT, n=2, temperature=0.9, max_new_tokens=24, pooling=pooling)
    short = teacher_forced(gemma, PROMPT, [[5] * 24, [6] * 7, [7] * 9], pooling)
    with pytest.raises(StrideError, match=r"Completion 1 has 7 tokens.*stride of at most 7"):
        short.latents(24)
    assert short.latents(24, rows=[0, 2]).shape == (1, 2, 32)
    assert short.counts(24).tolist() == [3, 0, 1]
    with pytest.raises(StrideError, match=r"Completion 2 has 9 tokens.*stride of at most 4"):
        short.halves(24, rows=[0, 2])
    with pytest.raises(InputError, match="Checkpoint 25 was not pooled; there are 24"):
        samples.counts(25)


def test_a_prompt_that_ends_at_once_has_no_latents_and_says_so(gemma):
    samples = sample(
        gemma, PROMPT, n=70, temperature=1.0, max_new_tokens=24, pooling=EVERY, stop=range(300),
        first=range(3, 73),
    )  # fmt: skip
    assert samples.completions == ((),) * 70
    assert all(samples.finished)
    assert samples.log_probs.shape == (70, 0)
    with pytest.raises(StrideError, match=r"Completion 0 has 0 tokens.*rows="):
        samples.latents(24)


def test_bad_input_is_one_sentence(gemma):
    draw = {"n": 1, "temperature": 1.0, "max_new_tokens": 8}
    with pytest.raises(InputError, match="Temperature 0 is deterministic"):
        sample(gemma, PROMPT, **draw | {"temperature": 0, "n": 2})
    with pytest.raises(InputError, match="Temperature -1 is not usable"):
        sample(gemma, PROMPT, **draw | {"temperature": -1})
    with pytest.raises(PromptError, match=r"leaves room for .* ask for fewer"):
        sample(gemma, PROMPT, **draw | {"max_new_tokens": 60})
    with pytest.raises(PromptError, match="outside the vocabulary"):
        sample(gemma, PROMPT, **draw, forced=[300])
    with pytest.raises(PromptError, match="empty"):
        sample(gemma, " ", **draw)
    with pytest.raises(InputError, match=r"Checkpoint 24 lies beyond max_new_tokens=8"):
        sample(gemma, PROMPT, **draw, pooling=EVERY)
    with pytest.raises(SiteError, match="layers 0 to 2"):
        sample(gemma, PROMPT, **draw, pooling=Pooling((resid_post[3],), 1, (8,)))
    with pytest.raises(SiteError, match="cannot be pooled"):
        Pooling((mt.head_out[0, 0],))
    with pytest.raises(InputError, match="n=0"):
        sample(gemma, PROMPT, **draw | {"n": 0})
    with pytest.raises(InputError, match="2 first tokens were given for 1 rows"):
        sample(gemma, PROMPT, **draw, first=[4, 5])
    with pytest.raises(InputError, match=r"pooling=Pooling"):
        sample(gemma, PROMPT, **draw).latents(8)


def test_nan_weights_are_named(checkpoint):
    model = mt.load(str(checkpoint("gpt2")))
    with torch.no_grad():
        model.hf.transformer.h[1].mlp.c_proj.bias[0] = math.nan
    with pytest.raises(NumericsError, match="not finite while generating"):
        sample(model, PROMPT, n=2, temperature=1.0, max_new_tokens=4)


def test_without_memory_for_a_batch_it_halves_and_gives_the_same(gemma, monkeypatch):
    """The k-th pass of a large batch fails as a full device would, with states half pooled."""
    from microtome.model.sampling import loop

    draw = {"n": 6, "temperature": 1.0, "max_new_tokens": 24, "pooling": EVERY}
    expected = sample(gemma, PROMPT, **draw)
    honest, passes = loop.feed, []

    def full(model, batch, ids, sums, at):
        passes.append(len(ids))
        if len(ids) > 2 and at == 7:
            raise torch.OutOfMemoryError("CUDA out of memory")
        honest(model, batch, ids, sums, at)

    monkeypatch.setattr(loop, "feed", full)
    found = sample(gemma, PROMPT, **draw)
    assert found.completions == expected.completions
    rows = torch.nonzero(expected.counts(24) > 0)[:, 0].tolist()
    assert gap(found.latents(24, rows), expected.latents(24, rows)) <= 1e-5
    assert max(passes) == 6
    assert min(passes) <= 2


def test_teacher_forcing_halves_too(gemma, monkeypatch):
    """Memory runs out in the last layer, when the states of the others are pooled."""
    from microtome.model.sampling import forced

    texts = [[5, 6, 7, 8], [9] * 24, [10] * 11]
    expected = teacher_forced(gemma, PROMPT, texts, EVERY)
    honest = forced._pass

    def full(model, tokens, rows, start, sums):
        states = honest(model, tokens, rows, start, sums)
        if len(rows) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return states

    monkeypatch.setattr(forced, "_pass", full)
    found = teacher_forced(gemma, PROMPT, texts, EVERY)
    assert gap(found.latents(24), expected.latents(24)) <= 1e-5


def test_memory_beyond_model_and_cache_does_not_grow_with_the_tokens(gemma, monkeypatch):
    """Tensors alive at the last pass, less the cache and the record (44 bytes a token)."""
    import gc

    from microtome.model.sampling import loop

    honest, alive = loop.feed, {}

    def watching(model, batch, ids, sums, at):
        honest(model, batch, ids, sums, at)
        if at == steps:
            gc.collect()
            tensors = {
                x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()
                for x in gc.get_objects()
                if issubclass(type(x), torch.Tensor)
            }
            for layer in batch.cache.layers:
                for x in (layer.keys, layer.values):
                    tensors.pop(x.untyped_storage().data_ptr(), None)
            alive[steps] = sum(tensors.values())

    monkeypatch.setattr(loop, "feed", watching)
    for steps in (8, 48):
        pooling = Pooling((resid_post[:],), 1, (4, steps))
        sample(gemma, PROMPT, n=4, temperature=1.0, max_new_tokens=steps, stop=(), pooling=pooling)
    states = 4 * 40 * 3 * 32 * 4
    assert abs(alive[48] - alive[8]) <= 4 * 40 * 44 < states / 2
