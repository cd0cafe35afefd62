"""Purity finds the planted class, and none where there is none."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from microtome.dictionaries.purity import purity
from microtome.errors import InputError
from microtome.statistics import auroc

RNG = np.random.default_rng(0)
LABELS = [str(x) for x in RNG.choice(["bird", "fish", "tree"], 300, p=[0.2, 0.3, 0.5])]


def planted() -> torch.Tensor:
    """0: birds but a tenth, with a tenth of others; 1: noise; 2: silent; 3: rare."""
    f = RNG.random((300, 4))
    bird = np.array(LABELS) == "bird"
    f[:, 0] *= np.where(RNG.random(300) < 0.9, bird, ~bird)
    f[:, 1] *= RNG.random(300) < 0.5
    f[:, 2] = 0
    f[5:, 3] = 0
    return torch.from_numpy(f)


def test_the_planted_class_is_found_and_noise_is_not():
    f = planted()
    found = purity(f, LABELS)
    first, noise = found.latents
    fires, bird = f[:, 0].numpy() > 0, np.array(LABELS) == "bird"
    assert (first.latent, first.label, first.fired) == (0, "bird", fires.sum())
    assert first.precision.value == pytest.approx((fires & bird).sum() / fires.sum())
    assert first.recall.value == pytest.approx((fires & bird).sum() / bird.sum())
    assert first.p < 0.01 < noise.p
    assert noise.precision.value == pytest.approx(noise.chance, abs=0.1)
    assert noise.auroc.low < 0.5 < noise.auroc.high
    assert first.precision.low < first.precision.value < first.precision.high
    assert found.too_rare == 2
    assert found.audit[0].passed
    assert found.table()["class"][0] == "bird"
    assert "bird" in found._repr_html_()


def test_permuted_labels_find_nothing():
    found = purity(planted(), list(np.random.default_rng(1).permutation(LABELS)))
    assert all(one.p > 0.05 for one in found.latents)


def test_auroc_is_sklearns_and_its_interval_covers():
    scores, positive = RNG.random(80).round(1), RNG.random(80) < 0.4
    assert auroc(scores, positive).value == pytest.approx(roc_auc_score(positive, scores))
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        of = np.arange(60) < 25
        one = auroc(rng.normal(size=60) + of, of)
        covered += one.low <= 0.76025 <= one.high  # Φ(1/√2)
    assert 180 <= covered <= 200


def test_a_perfect_separation_keeps_an_interval():
    few, many = (auroc(np.arange(2 * n), np.arange(2 * n) >= n) for n in (5, 50))
    assert few.value == many.value == few.high == 1
    assert (few.low, many.low) == pytest.approx((0.025 ** (1 / 5), 0.025 ** (1 / 50)))
    wrong = auroc(np.arange(10), np.arange(10) < 5)
    assert (wrong.low, wrong.high) == pytest.approx((0, 1 - few.low))


def test_clusters_widen_the_interval():
    """Ten copies of every item are no new evidence."""
    f, copies = planted(), 10
    labels = [label for label in LABELS for _ in range(copies)]
    texts = [i for i in range(300) for _ in range(copies)]
    once, repeated = purity(f, LABELS), purity(f.repeat_interleave(10, 0), labels, clusters=texts)
    a, b = once.latents[0], repeated.latents[0]
    assert b.precision.low == pytest.approx(a.precision.low, abs=0.02)
    assert (b.auroc.low, b.auroc.high) == pytest.approx((a.auroc.low, a.auroc.high))
    assert b.chance == pytest.approx(a.chance, abs=0.03)


def test_refusals():
    f = planted()
    with pytest.raises(InputError, match="No latent fires 400 times"):
        purity(f, LABELS, at_least=400)
    with pytest.raises(InputError, match="two classes"):
        purity(f, ["a"] * 300)
    with pytest.raises(InputError, match="2 labels"):
        purity(f, ["a", "b"])
    with pytest.raises(InputError, match="one kind"):
        auroc([1.0, 2.0], [True, True])


def test_a_perfect_share_of_few_clusters_is_not_certain():
    """Ten texts of four tokens, five of them of the class: Clopper and Pearson's 5 in 5."""
    labels = ["a" if i // 4 % 2 else "b" for i in range(40)]
    fires = torch.tensor([[1.0 if label == "a" else 0.0] for label in labels])
    latent = purity(fires, labels, clusters=[i // 4 for i in range(40)]).latents[0]
    for share in (latent.precision, latent.recall):
        assert (share.value, share.high, share.n, share.clusters) == (1.0, 1.0, 20, 5)
        assert share.low == pytest.approx(0.025 ** (1 / 5))


def test_labels_that_vary_within_a_text_are_dealt_out_one_by_one():
    """Every text begins with the same class: to permute whole texts would leave only that one."""
    labels, clusters = ["a", "b", "a", "b"] * 12, [i // 4 for i in range(48)]
    fires = torch.tensor([[float(label == "a")] for label in labels])
    latent = purity(fires, labels, clusters=clusters).latents[0]
    assert latent.precision.value == 1
    assert 0.5 <= latent.chance < 0.75
    assert latent.p < 0.05


@pytest.mark.parametrize(("times", "rare"), [(9, 1), (10, 0)])
def test_ten_items_are_enough_to_be_judged(times, rare):
    f = torch.zeros(300, 2)
    f[:times, 0] = 1
    f[:100, 1] = 1
    assert purity(f, LABELS, permutations=19).too_rare == rare


def test_labels_that_mostly_follow_their_cluster_are_permuted_with_it():
    """Latents and labels that each follow the text, and not each other, are found by chance."""
    rng, false, runs = np.random.default_rng(0), 0, 40
    for _ in range(runs):
        owner = np.repeat(np.arange(15), rng.integers(2, 7, 15))
        labels = rng.integers(0, 3, 15)[owner]
        other = rng.random(len(owner)) < 0.1
        labels[other] = rng.integers(0, 3, other.sum())
        f = np.maximum(
            rng.random((15, 8))[owner] - 0.6 + 0.05 * rng.normal(size=(len(owner), 8)), 0
        )
        found = purity(
            torch.tensor(f), [str(one) for one in labels], clusters=owner.tolist(), at_least=1,
            permutations=59, resamples=99,
        )  # fmt: skip
        false += min(one.p for one in found.latents) <= 0.05
    assert false / runs < 0.2
