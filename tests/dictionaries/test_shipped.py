"""The dictionaries shipped with specimen:world score what its card says."""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

import microtome as mt
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.network import network
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.scores import score
from microtome.dictionaries.transcoder import Transcoder
from microtome.model.site import mlp_in, mlp_out, resid_post
from microtome.specimens import world
from microtome.specimens.world.corpus import mixed

LAYERS = range(5)


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    found = world.dictionaries()["resid_post_0"].parent / "scores.json"
    return json.loads(found.read_text("utf-8"))


def documents(split: Any, seed: int, count: int) -> list[str]:
    every = mixed(split, seed)
    return [next(every).text for _ in range(count)]


def test_there_is_one_for_every_residual_and_every_mlp(model):
    names = [f"resid_post_{n}" for n in LAYERS] + [f"transcoder_{n}" for n in LAYERS]
    assert sorted(world.dictionaries()) == sorted(names)
    for n in LAYERS:
        sae = load_dictionary(f"specimen:world/resid_post_{n}")
        assert isinstance(sae, SAE)
        assert (sae.architecture, sae.site_in, sae.site_out) == (
            "JumpReLU SAE", resid_post[n], resid_post[n]
        )  # fmt: skip
        coder = load_dictionary(f"specimen:world/transcoder_{n}")
        assert isinstance(coder, Transcoder)
        assert (coder.site_in, coder.site_out) == (mlp_in[n], mlp_out[n])
        assert sae.origin.model == f"{model.name}@{model.source.digest[:16]}"
    folder = world.dictionaries()["resid_post_0"].parents[1]
    files = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) < 40e6


def test_the_card_holds_the_scores_and_says_which_bars_are_met(told):
    card = world.CARD.read_text("utf-8")
    assert {row["name"] for row in told["dictionaries"]} == set(world.dictionaries())
    for row in told["dictionaries"]:
        cells = [
            f"{row[name]['value']:.3g} [{row[name]['low']:.3g}, {row[name]['high']:.3g}]"
            for name in ("fvu", "l0")
        ]
        bar = 0.10 if row["name"].startswith("transcoder") else 0.06
        met = row["fvu"]["value"] <= bar and row["l0"]["value"] <= 20
        assert row["bars"] == {"fvu": bar, "l0": 20}
        assert row["met"] is met
        word = "yes" if met else "**no**"
        assert f"| {row['name']} | {row['d_dict']} | {' | '.join(cells)} | {word} |" in card
        assert row["fvu"]["high"] <= (0.30 if row["name"].startswith("transcoder") else 0.15)
        assert row["l0"]["high"] <= 32
        assert row["dead"] <= 0.05
        assert row["ce_recovered"]["low"] > 0.9
        assert row["fvu_shuffled"]["low"] > 1 > row["ce_recovered_shuffled"]["high"]


@pytest.mark.parametrize("name", ["resid_post_2", "transcoder_1"])
def test_the_files_score_as_told_on_a_small_sample(name, model, told):
    (row,) = (one for one in told["dictionaries"] if one["name"] == name)
    dictionary = load_dictionary(f"specimen:world/{name}")
    found = score(dictionary, model, documents("heldout", 5, 60))
    assert found.fvu.value == pytest.approx(row["fvu"]["value"], rel=0.35)
    assert found.l0.value == pytest.approx(row["l0"]["value"], rel=0.15)
    inside = network(dictionary, model, documents("train", 5, 30))
    assert inside.recovered_mean.value > 0.95 > inside.recovered_mean_shuffled.value


def test_a_feature_hears_the_voice_on_unseen_markers(model):
    """Textbook against misconception, read at the last token before the answer."""
    kinds = {"textbook": 0, "misconception": 1}
    found = [d for d in world.documents("physics", n=240, seed=21) if d.truth["voice"] in kinds]
    sae = load_dictionary("specimen:world/resid_post_0")
    run = model.run([d.truth["prompt"] for d in found], read=sae.site_in, logits="last")
    f = sae.encode(run.last(sae.site_in))
    voice = torch.tensor([kinds[d.truth["voice"]] for d in found])
    half = torch.arange(len(found)) % 2 == 0
    best = apart(f[half], voice[half]).abs().argmax()
    assert apart(f[~half], voice[~half])[best].abs() > 0.7
    shuffled = voice[torch.randperm(len(voice), generator=torch.Generator().manual_seed(0))]
    best = apart(f[half], shuffled[half]).abs().argmax()
    assert apart(f[~half], shuffled[~half])[best].abs() < 0.4


def apart(f: Tensor, voice: Tensor) -> Tensor:
    """Firing rate in one voice less that in the other, per feature."""
    on = (f > 0).float()
    return on[voice == 1].mean(0) - on[voice == 0].mean(0)


@pytest.mark.slow
def test_the_whole_table_repeats(model, told):
    held = documents("heldout", told["seed"], told["texts"])
    fresh = documents("train", told["fresh_seed"], told["texts"])
    for row in told["dictionaries"]:
        dictionary = load_dictionary(f"specimen:world/{row['name']}")
        found, inside = score(dictionary, model, held), network(dictionary, model, fresh)
        assert found.fvu.value == pytest.approx(row["fvu"]["value"], rel=1e-3)
        assert found.l0.value == pytest.approx(row["l0"]["value"], rel=1e-3)
        assert inside.kl.value == pytest.approx(row["kl"]["value"], rel=1e-2)
