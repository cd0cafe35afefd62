"""A replayed edit equals a full forward, windows and prefixes included; one by one, bitwise."""

import pytest
import torch

import microtome as mt
from microtome import Replace, attn_out, head_out, mlp_out, resid_post, resid_pre
from microtome.model.replay import record
from tests.model.families import params

RECEIVER, DONOR = "I cooperate, not at all!", "I cooperate, now and then"
RECEIVER = RECEIVER.ljust(len(DONOR))
NODES = [head_out[:, :], attn_out[:], mlp_out[:], resid_pre[:], resid_post[:]]


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def _first_difference(model):
    a, b = (model.tokenize(t).ids[0] for t in (RECEIVER, DONOR))
    return int(torch.nonzero(a != b)[0])


def test_replayed_patches_equal_full_forwards(model):
    sites = [s for node in NODES for s in node.expand(model.parts.sizes)]
    donor = model.run(DONOR, read=NODES)
    start = _first_difference(model)
    assert start > 5, "the prompts share a prefix longer than the sliding window"
    replay = record(model, model.tokenize(RECEIVER))
    edits = [[Replace(s, donor[s][0])] for s in sites]
    batched = replay.run(edits, start=start)
    for i, site in enumerate(sites):
        full = model.run(RECEIVER, write=Replace(site, donor[site]), logits="last").logits[0]
        assert (batched[i] - full).abs().max() / full.abs().max() <= 1e-5, site
        if i % 5 == 0:
            alone = replay.run([edits[i]], whole=True)[0]
            assert torch.equal(alone, full), site


def test_a_replay_is_of_its_own_view_whichever_ran_last(checkpoint, adapter):
    """Weights are switched for the replay as they are for a run."""
    base = mt.load(str(checkpoint("gemma2")))
    views = [base, *(base.with_adapter(adapter("gemma2", seed)) for seed in (1, 2))]
    replays = [record(view, view.tokenize(RECEIVER)) for view in views]
    edit = mt.Ablate(mlp_out[1], positions=(-1,))
    expected = [view.run(RECEIVER, write=edit, logits="last").logits[0] for view in views]
    for replay, whole in zip(replays, expected, strict=True):
        for other in views:
            other.run("abc")
            found = replay.run([[edit]], start=3)[0]
            torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)
    assert (expected[0] - expected[1]).abs().max() > 0.1


def test_resuming_behind_a_layer_equals_full_forwards(model):
    tokens, last = model.tokenize(RECEIVER), model.n_layers - 1
    replay = record(model, tokens)
    torch.manual_seed(0)
    for layer, start in ((0, 0), (0, tokens.ids.shape[1] - 3), (last, 2)):
        site = resid_post[layer]
        clean = model.run(RECEIVER, read=site)[site]
        writes = torch.randn(2, *clean.shape[1:]) * clean.norm(dim=-1).mean() / 10
        writes[:, :start] = 0
        found = replay.resume(layer, (clean + writes)[:, start:], last=2)
        for own, write in zip(found, writes, strict=True):
            full = model.run(RECEIVER, write=mt.Add(site, write)).logits[0, -2:]
            assert (own - full).abs().max() / full.abs().max() <= 1e-5, (layer, start)
    with pytest.raises(mt.MicrotomeError, match="give no more states than tokens"):
        replay.resume(0, clean, last=clean.shape[1] + 1)


def test_rows_of_a_padded_batch_are_replayed_without_their_padding(model):
    from dataclasses import replace

    padded = replace(model, padding="left")
    receivers, donors = [RECEIVER, "abc"], [DONOR, "abd"]
    run = padded.run(donors, read=NODES)
    result = mt.patch(padded, receivers, run, NODES, model.direction(50, 60), audited=False)
    for row, (receiver, donor) in enumerate(zip(receivers, donors, strict=True)):
        alone = mt.patch(model, receiver, donor, NODES, model.direction(50, 60), audited=False)
        torch.testing.assert_close(result.patched[row], alone.patched[0], atol=3e-5, rtol=1e-4)


def test_an_edit_before_the_start_is_refused(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    replay = record(model, model.tokenize(RECEIVER))
    edit = mt.Ablate(mlp_out[1], positions=(2,))
    with pytest.raises(mt.MicrotomeError, match="before the replay's start 4"):
        replay.run([[edit]], start=4)
    everywhere = mt.Ablate(mlp_out[1])
    with pytest.raises(mt.MicrotomeError, match=r"edited at every token.*starts at 4"):
        replay.run([[everywhere]], start=4)
    with pytest.raises(mt.MicrotomeError, match=r"edited at every token.*starts at 1"):
        replay.run([[everywhere]], start=1)
    spared = mt.Ablate(mlp_out[1], bos=False)
    found, whole = (replay.run([[spared]], start=start) for start in (1, 0))
    torch.testing.assert_close(found, whole)


def test_without_memory_for_a_batch_it_halves_and_gives_the_same(checkpoint, monkeypatch):
    """The k-th batched pass fails as a full device would."""
    from microtome.model.replay import Replay

    model = mt.load(str(checkpoint("gemma2")))
    donor = model.run(DONOR, read=NODES)
    expected = mt.patch(model, RECEIVER, donor, NODES, model.direction(50, 60))
    honest = Replay.run
    passes = []

    def full(self, edits, **options):
        passes.append(len(edits))
        if len(edits) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, edits, **options)

    monkeypatch.setattr(Replay, "run", full)
    found = mt.patch(model, RECEIVER, donor, NODES, model.direction(50, 60))
    torch.testing.assert_close(found.patched, expected.patched, atol=1e-5, rtol=1e-5)
    assert max(passes) > 2 >= min(passes)


def test_a_device_too_small_for_one_edit_says_so(checkpoint, monkeypatch):
    from microtome.model.replay import Replay

    def full(self, edits, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = mt.load(str(checkpoint("gemma2")))
    donor = model.run(DONOR, read=NODES)
    monkeypatch.setattr(Replay, "run", full)
    with pytest.raises(torch.OutOfMemoryError):
        mt.patch(model, RECEIVER, donor, NODES, model.direction(50, 60), audited=False)
