"""Clusters: planted ones are found, one is an answer, and a control is not found."""

import numpy as np
import pytest

from microtome.errors import InputError, NumericsError
from microtome.methods import clusters, clusters_shown
from microtome.methods.clusters_contrast import within_between


def planted(rng, k, n=48, d=64, apart=6.0):
    """n points about k centres that lie `apart` from the origin in directions of their own."""
    known = np.arange(n) % k
    centres = np.linalg.qr(rng.standard_normal((d, k)))[0].T * apart
    scale = np.r_[np.ones(6), np.full(d - 6, 0.2)]
    return centres[known] + rng.standard_normal((n, d)) * scale, known


@pytest.mark.medium
@pytest.mark.parametrize("n", [8, 24, 64])
@pytest.mark.parametrize("shape", ["isotropic", "anisotropic", "line"])
def test_one_gaussian_is_one_cluster(n, shape):
    width = {"isotropic": np.ones(64), "anisotropic": 1 / np.arange(1, 65), "line": np.ones(1)}
    rng = np.random.default_rng(n)
    found = [
        clusters.choose_clusters(rng.standard_normal((n, len(width[shape]))) * width[shape]).k
        for _ in range(20)
    ]
    assert np.mean(np.array(found) == 1) >= 0.9


@pytest.mark.parametrize("k", [2, 3, 4])
def test_planted_clusters_are_found_by_number_and_membership(k):
    x, known = planted(np.random.default_rng(k), k, n=30 * k, apart=8.0)
    found = clusters.choose_clusters(x)
    assert found.k == k
    assert clusters_shown.agreement(found.labels, known) == 1.0
    assert clusters_shown.stability(x, found, draws=10) > 0.95
    assert clusters_shown.silhouette(x, found) > 0.5


def test_shuffled_labels_do_not_agree():
    rng = np.random.default_rng(0)
    x, known = planted(rng, 3, n=90, apart=8.0)
    labels = clusters.choose_clusters(x).labels
    shuffled = [clusters_shown.agreement(labels, rng.permutation(known)) for _ in range(50)]
    assert abs(np.mean(shuffled)) < 0.02


def test_exact_repeats_are_groups_unless_the_resolution_says_otherwise():
    x = np.repeat(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 12, axis=0)
    assert clusters.choose_clusters(x).k == 3
    coarse = clusters.choose_clusters(x, resolution=4.0)
    assert coarse.k == 1
    assert min(split.cloud.p for split in coarse.splits) <= 0.01
    assert all(split.separation < 1 for split in coarse.splits)
    assert "nearer than the pooling error" in coarse.verdict
    assert clusters.choose_clusters(np.zeros((20, 3))).k == 1


def test_a_few_outliers_do_not_hide_two_groups():
    x, known = planted(np.random.default_rng(6), 2, n=60, apart=8.0)
    x[:3] += 30
    found = clusters.choose_clusters(x)
    assert found.k == 2
    assert clusters_shown.agreement(found.labels[3:], known[3:]) > 0.9


def test_labels_are_ordered_by_size_and_k_means_obeys():
    x, known = planted(np.random.default_rng(7), 2, n=40, apart=8.0)
    x, known = x[5:][known[5:] >= 0], known[5:]
    found = clusters.kmeans(x, 2)
    assert list(found.sizes) == sorted(found.sizes, reverse=True)
    assert clusters.kmeans(x, 5).k == 5
    with pytest.raises(InputError, match=r"35 solutions are too few for 8 clusters"):
        clusters.kmeans(x, 8)
    assert clusters.kmeans(x, 8, force=True).k == 8


def test_representatives_begin_with_the_medoid():
    x = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [13.0]])
    found = clusters.Clustering(np.array([0, 0, 0, 1, 1, 1]))
    chosen = clusters_shown.representatives(x, found, 2)
    assert [one[0] for one in chosen] == [1, 4]
    assert all(len(one) == 2 and found.labels[one[0]] == found.labels[one[1]] for one in chosen)


def test_the_plane_holds_the_leading_variance():
    x = np.random.default_rng(8).standard_normal((50, 5)) * [9, 4, 1, 1, 1]
    flat = clusters_shown.plane(x)
    spectrum = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1]
    np.testing.assert_allclose(flat.var(0, ddof=1), spectrum[:2])
    assert clusters_shown.plane(x[:, :1]).shape == (50, 2)


@pytest.mark.medium
def test_a_curve_stays_whole_and_says_so():
    rng, found = np.random.default_rng(9), []
    for _ in range(10):
        angle = rng.uniform(0, np.pi, 60)
        x = rng.standard_normal((60, 8))
        x[:, :2] += 10 * np.stack([np.cos(angle), np.sin(angle)], 1)
        found.append(clusters.choose_clusters(x))
    whole = [one for one in found if one.k == 1]
    assert len(whole) >= 8
    assert {one.verdict for one in whole} == {"not one cloud: groups, or a curve"}


def test_a_clustering_says_what_its_test_says():
    rng = np.random.default_rng(10)
    assert clusters.choose_clusters(rng.standard_normal((40, 8))).verdict == "one cluster"
    assert clusters.choose_clusters(rng.standard_normal((9, 8))).verdict == "too few to test"
    apart, _ = planted(rng, 2, n=60, apart=8.0)
    assert clusters.choose_clusters(apart).verdict == "separate groups"


def test_distinct_pairs_between_clusters_are_told_from_chance():
    rng = np.random.default_rng(11)
    labels = np.repeat([0, 1, 2], 4)
    pairs = [(i, j) for i in range(12) for j in range(i)]
    real = [bool(labels[i] != labels[j]) for i, j in pairs]
    found = within_between(pairs, real, labels, draws=999)
    assert (found.between, found.within, found.difference) == (1, 0, 1)
    assert found.p < 0.01
    chance = [
        within_between(pairs, rng.random(len(pairs)) < 0.5, labels, draws=199, seed=i).p
        for i in range(40)
    ]
    assert np.mean(np.array(chance) < 0.1) < 0.3
    with pytest.raises(InputError, match="within clusters and pairs between"):
        within_between([(0, 4)], [True], labels)


def test_bad_points_are_refused():
    with pytest.raises(InputError, match=r"\[n, d\]"):
        clusters.choose_clusters(np.zeros(4))
    with pytest.raises(NumericsError, match="not finite"):
        clusters.kmeans(np.full((10, 2), np.nan), 2)
