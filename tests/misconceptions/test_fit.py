"""L0, FVU and their interval: over pairs, whatever shares a pass, as plain numpy has them."""

import numpy as np
import pandas as pd
import pytest

import microtome as mt
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.model.tokens import encode
from microtome.statistics import Level, ratio
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.features import _audits, _summed, _unexplained
from microtome.studies.misconceptions.fit import Fit

LAYERS = (0, 3)


def fit(error, seed=0):
    """Twelve prompts of ten tokens in three dimensions."""
    draws = np.random.default_rng(seed)
    n = len(error)
    return Fit(np.full(n, 10.0), np.full(n, 30.0), np.asarray(error, float),
               draws.uniform(5, 9, n), draws.normal(size=(n, 3)))  # fmt: skip


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The same study with small and with large batches."""
    study = Misconceptions(
        model="specimen:world", dtype="float32", generated=12, layers=LAYERS, steps=("features",)
    )
    return [
        run(study.model_copy(update={"max_rows": rows, "output_dir": tmp_path_factory.mktemp("r")}),
            terminal=Terminal())
        for rows in (4, 16)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def sums(records, world):
    """Per layer: each pair's squared error and variance around one mean, one prompt at a time."""
    prompts = records[0].table("features_prompts")
    found = {}
    for layer in LAYERS:
        site = mt.resid_post[layer]
        own = mt.load_dictionary(f"specimen:world/{site_name(records[0], layer)}", model=world)
        states, errors = [], []
        for text in prompts["prompt"]:
            x = world.run(text, read=site)[site][0].float()
            ordinary = np.array(encode(world.tokenizer, text)) != world.tokenizer.bos_token_id
            rest = (x - own.decode(own.encode(x), x)).detach().numpy()[ordinary]
            states.append(x.numpy()[ordinary].astype(float))
            errors.append(np.sum(rest.astype(float) ** 2))
        mean = np.concatenate(states).mean(0)
        spread = [np.sum((own_states - mean) ** 2) for own_states in states]
        table = pd.DataFrame({"pair": prompts["pair_id"], "error": errors, "variance": spread})
        found[layer] = table.groupby("pair").sum()
    return found


def site_name(record, layer):
    table = record.table("features_dictionaries").set_index("layer")
    return table.at[layer, "source"].removeprefix("specimen:world/")


@pytest.mark.medium
def test_the_fvu_and_its_interval_do_not_depend_on_the_batches(records):
    few, many = ({f["about"]: f["evidence"] for f in one.findings}["features"] for one in records)
    for name in ("value", "low", "high"):
        assert few[name] == pytest.approx(many[name], rel=1e-6)
    columns = ["layer", "l0", "fvu", "tokens"]
    small, large = (one.table("features_dictionaries")[columns] for one in records)
    assert np.allclose(small, large, rtol=1e-6)
    assert [a["name"] for a in records[0].audits] == [a["name"] for a in records[1].audits]


@pytest.mark.medium
def test_the_fvu_is_that_of_plain_numpy(records, sums):
    shares = {n: own["error"].sum() / own["variance"].sum() for n, own in sums.items()}
    table = records[0].table("features_dictionaries").set_index("layer")
    for layer, share in shares.items():
        assert table.at[layer, "fvu"] == pytest.approx(share, rel=1e-5)
    (found,) = (one["evidence"] for one in records[0].findings)
    assert found["value"] == pytest.approx(np.mean(list(shares.values())), rel=1e-5)
    moved = [
        (own["error"] - (shares[n] - found["value"]) * own["variance"]) / own["variance"].sum()
        for n, own in sums.items()
    ]
    scaled = [own["variance"] / own["variance"].sum() for own in sums.values()]
    due = ratio(sum(moved), sum(scaled), within=(0.0, np.inf))
    assert due.clusters == 12 + 23 == len(sums[0]), "one cluster per pair"
    assert (found["low"], found["high"]) == pytest.approx((due.low, due.high), rel=1e-4)
    assert found["low"] < found["value"] < found["high"]


def test_one_layer_gives_the_ratio_of_sums_over_pairs(small):
    one = fit(np.linspace(1, 3, 12))
    pairs = [str(i // 2) for i in range(12)]
    found = _unexplained({0: one}, pairs, small)
    due = ratio(one.error, one.variance, pairs, Level(small.level, small.resamples, small.seed),
                within=(0.0, np.inf))  # fmt: skip
    assert found.clusters == 6
    assert found.value == pytest.approx(one.fvu)
    assert (found.low, found.high) == pytest.approx((due.low, due.high))
    assert _unexplained({0: fit(np.ones(2))}, ["a", "a"], small).ends is None


def test_the_variance_is_around_one_mean_of_all_tokens():
    draws = np.random.default_rng(1)
    texts = [draws.normal(size=(n, 3)) + n for n in (2, 5, 9)]
    every = np.concatenate(texts)
    parts = [
        Fit(np.array([len(x)]), np.ones(1), np.ones(1), np.array([((x - x.mean(0)) ** 2).sum()]),
            x.mean(0)[None])
        for x in texts
    ]  # fmt: skip
    due = [((x - every.mean(0)) ** 2).sum() for x in texts]
    assert Fit.joined(parts).variance == pytest.approx(np.array(due))


def test_a_dictionary_without_fvu_is_not_perfect(small):
    units = pd.DataFrame({"layer": [0, 1, 0, 1], "tokens": [30, 30, 10, 10]})
    fits = {0: fit(np.ones(12)), 1: fit(np.full(12, np.nan))}
    first, transcoder = _summed(units, fits)
    assert (first["l0"], first["tokens"]) == (3.0, 40)
    assert first["fvu"] == pytest.approx(12 / fits[0].variance.sum())
    assert transcoder["fvu"] is None
    assert fits[1].rows()[0]["error"] is None
    assert _unexplained(fits, [str(i) for i in range(12)], small) is None
    assert [audit.name for audit in _audits(fits)] == ["variance unexplained at layer 0"]
