"""Activations on disk and streamed: the model's own numbers, nothing twice, nothing lost."""

from dataclasses import replace

import pytest
import torch

import microtome as mt
from microtome import files
from microtome.dictionaries import harvest as harvesting
from microtome.dictionaries import shards as sharding
from microtome.dictionaries.activations import Cursor, InMemory, batches, cut, stream
from microtome.dictionaries.harvest import harvest, windows
from microtome.dictionaries.recipes import TopK
from microtome.dictionaries.shards import capture, open_shards
from microtome.dictionaries.training import train
from microtome.errors import ConfigError, RunError, SiteError
from microtome.model.partial import read_only
from microtome.model.site import attn_pattern, head_out, mlp_in, mlp_normed, mlp_out, resid_post
from microtome.specimens import world

SITES = (resid_post[1], mlp_in[0])


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [d.text for kind in ("facts", "physics") for d in world.documents(kind, n=40)]


def test_a_pass_that_stops_early_reads_the_same_bits_and_leaves_nothing(model, texts):
    sites = [resid_post[1], head_out[1, 2], mlp_normed[2], mlp_out[0]]
    before = model.run(texts[:3], read=sites)
    found = read_only(model, texts[:3], sites)
    assert all(torch.equal(found[site], before[site]) for site in sites)
    assert torch.equal(model.run(texts[:3]).logits, before.logits)
    below = model.parts.block(3)
    calls = []
    handle = below.register_forward_pre_hook(lambda *_: calls.append(1))
    read_only(model, texts[:3], sites)
    handle.remove()
    assert calls == []
    with pytest.raises(SiteError, match="attention patterns"):
        read_only(model, texts[:1], [attn_pattern[0, 0]])


def test_harvest_takes_every_token_but_bos(model, texts):
    block = harvest(model, windows(model, texts, None), SITES)
    runs = [model.run(text, read=SITES) for text in texts]
    assert block.bos == len(texts)
    assert block.tokens == sum(len(run.tokens.ids[0]) - 1 for run in runs)
    for site in SITES:
        alone = torch.cat([run[site][0, 1:] for run in runs])
        ours = block.values[site]
        torch.testing.assert_close(ours.mean(0), alone.mean(0), rtol=1e-3, atol=1e-3)
        apart = (ours[:50, None] - alone).norm(dim=-1).min(1).values
        assert apart.max() < 1e-3


def test_attention_sinks_are_left_out_and_counted(model, texts, monkeypatch):
    rows = windows(model, texts[:5], None)
    whole = harvest(model, rows, SITES)
    lengths = whole.values[SITES[0]].norm(dim=-1)
    monkeypatch.setattr(harvesting, "SINK", float(lengths.sort().values[-3] / lengths.median()))
    kept = harvest(model, rows, SITES[:1])
    assert (kept.sinks, kept.tokens) == (2, whole.tokens - 2)
    assert whole.sinks == 0


def test_long_texts_are_cut_and_begin_with_bos(model):
    text = " ".join(["A robin is a kind of bird."] * 20)
    rows = windows(model, [text], 16)
    bos = model.tokenizer.bos_token_id
    assert all(len(row) <= 16 and row[0] == bos and bos not in row[1:] for row in rows)
    assert [i for row in rows for i in row[1:]] == model.tokenizer(text)["input_ids"][1:]
    with pytest.raises(ConfigError, match="context=1"):
        windows(model, [text], 1)


def test_shards_hold_what_the_model_said(model, texts, tmp_path):
    found = capture(model, texts, SITES, tmp_path, dtype="float32", shard_tokens=300)
    rows = windows(model, texts, None)
    starts = cut([len(row) for row in rows], 300)
    assert len(found.manifest["shards"]) == len(starts) > 2
    for number, (start, stop) in enumerate(starts):
        block = harvest(model, rows[start:stop], SITES)
        assert all(torch.equal(found.read(number, s), block.values[s]) for s in SITES)
    assert found.tokens == sum(len(row) - 1 for row in rows)
    assert found.manifest["left_out"] == {"bos": len(texts), "sinks": 0}
    found.read(0, SITES[0]).add_(1)
    assert found.verify() == [], "what is read is a copy: the file stays"
    half = capture(model, texts, SITES, tmp_path / "half", shard_tokens=300)
    error = half.read(0, SITES[0]).float() - found.read(0, SITES[0])
    assert 0 < error.abs().max() < 0.01 * found.read(0, SITES[0]).abs().max()


def test_a_stopped_capture_goes_on_to_the_same_files(model, texts, tmp_path, monkeypatch):
    whole = capture(model, texts, SITES, tmp_path / "whole", shard_tokens=300)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(model, texts, SITES, tmp_path / "broken", shard_tokens=300, seen=stop)
    with pytest.raises(RunError, match="stopped after 2 shards"):
        open_shards(tmp_path / "broken")
    harvested = []
    monkeypatch.setattr(sharding, "harvest", lambda *args: harvested.append(1) or harvest(*args))
    again = capture(model, texts, SITES, tmp_path / "broken", shard_tokens=300)
    assert len(harvested) == len(whole.manifest["shards"]) - 2
    assert again.manifest == whole.manifest
    assert again.verify() == []
    with pytest.raises(RunError, match="give another folder"):
        capture(model, texts[:-1], SITES, tmp_path / "broken", shard_tokens=300)
    half = mt.load("specimen:world", dtype="bfloat16")
    with pytest.raises(RunError, match="computed 'float32', and 'bfloat16' was asked for"):
        capture(half, texts, SITES, tmp_path / "broken", shard_tokens=300)


def test_damage_is_found(model, texts, tmp_path):
    found = capture(model, texts, SITES[:1], tmp_path, shard_tokens=300)
    (path,) = tmp_path.glob("00001.*.bin")
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert found.verify() == [path.name]
    path.write_bytes(content[:-2])
    with pytest.raises(RunError, match="should hold"):
        found.read(1, SITES[0])
    with pytest.raises(RunError, match=r"holds no manifest\.json"):
        open_shards(tmp_path / "nowhere")


def test_an_epoch_gives_every_token_once_in_another_order_and_any_place_can_be_found(tmp_path):
    source = InMemory({resid_post[1]: torch.arange(100.0)[:, None]})
    dealt = batches(source, source.sites, 10)
    epochs = [[next(dealt) for _ in range(10)] for _ in range(2)]
    orders = [torch.cat([b[resid_post[1]] for b, _ in e]).flatten().tolist() for e in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(100))
    assert orders[0] != orders[1] != sorted(orders[1])
    _, place = epochs[0][6]
    values, _ = next(batches(source, source.sites, 10, place))
    assert torch.equal(values[resid_post[1]], epochs[0][7][0][resid_post[1]])
    assert next(batches(source, source.sites, 10, Cursor(0, 10)))[1] == Cursor(1, 1)


def test_streamed_and_captured_activations_train_the_same_dictionary(model, texts, tmp_path):
    captured = capture(model, texts, SITES, tmp_path, dtype="float32", shard_tokens=10**6)
    live = stream(model, texts, SITES, buffer=10**6)
    assert captured.model == live.model
    whole = live.round(0, SITES)
    disk = captured.round(0, SITES)
    for site in SITES:
        torch.testing.assert_close(whole[site].mean(0), disk[site].mean(0), rtol=1e-3, atol=1e-3)
    asked = TopK(256, SITES[0], k=16)
    one, two = (train(asked, s, steps=40, batch=256, lr=3e-3) for s in (captured, live))
    assert one.curve[-1]["fvu"] == pytest.approx(two.curve[-1]["fvu"], abs=0.03)
    assert one.curve[-1]["fvu"] < 0.6 * one.curve[0]["fvu"]
    small = stream(model, texts, SITES, buffer=300)
    assert len(small.blocks) > 3
    assert sorted(i for block in small.blocks for i in block) == list(range(len(texts)))


def test_a_manifest_of_another_version_is_not_trusted(model, texts, tmp_path):
    found = capture(model, texts[:5], SITES[:1], tmp_path)
    manifest = dict(found.manifest)
    manifest["finished"] = False
    files.write_json(tmp_path / "manifest.json", manifest)
    with pytest.raises(RunError, match="run it again"):
        open_shards(tmp_path)
    assert replace(found, mix=1).round(0, SITES[:1])[SITES[0]].dtype == torch.bfloat16


def test_a_training_goes_on_only_with_the_data_it_began_with(model, texts, tmp_path):
    """Other texts, another model precision or another way of mixing give other batches."""
    half = mt.load("specimen:world", dtype="bfloat16")
    made = [stream(one, texts, SITES, buffer=size) for one, size in ((model, 300), (half, 300))]
    made += [stream(model, texts, SITES, buffer=400), stream(model, texts[1:], SITES, buffer=300)]
    first = capture(model, texts, SITES, tmp_path / "a", shard_tokens=300)
    made += [first, replace(first, mix=2)]
    made += [capture(model, texts[1:], SITES, tmp_path / "b", shard_tokens=300)]
    digests = [one.digest for one in made]
    assert len(set(digests)) == len(made)
    assert stream(model, texts, SITES, buffer=300).digest == digests[0]
    assert open_shards(tmp_path / "a").digest == first.digest
