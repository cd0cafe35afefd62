"""AUROC and its interval, against comparing every pair."""

import numpy as np
import pytest

from microtome.errors import InputError, NumericsError
from microtome.statistics import Level, auroc
from tests.statistics import reference


def test_two_sides_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    for n in (3, 4, 7, 15):
        for m in (3, 6, 12):
            for scores in (rng.normal(size=n + m), rng.integers(0, 4, n + m).astype(float)):
                positive = np.arange(n + m) < n
                scores = scores + 0.7 * positive
                value, wanted = reference.auroc(scores, positive, alpha=0.1)
                found = auroc(scores, positive, at=Level(0.9))
                assert found.value == pytest.approx(value, rel=1e-12)
                assert found.ends == (wanted and pytest.approx(wanted, rel=1e-9))


@pytest.mark.parametrize("null", [0.5, 0.3, 0.7])
def test_p_is_that_of_the_interval_that_ends_at_the_null(null: float) -> None:
    rng = np.random.default_rng(2)
    positive = np.arange(30) < 12
    scores = rng.normal(size=30) + 0.8 * positive
    found = auroc(scores, positive, null=null)
    assert found.p is not None
    at_p = auroc(scores, positive, at=Level(1 - found.p))
    assert min(abs(end - null) for end in at_p.ends) < 1e-6


@pytest.mark.parametrize("kind", ["pairs", "both kinds", "one kind"])
def test_clusters_against_plain_loops(kind: str) -> None:
    rng = np.random.default_rng(1)
    for count in (4, 8, 16):
        if kind == "pairs":
            positive = np.arange(2 * count) < count
            clusters = np.tile(np.arange(count), 2)
        else:
            clusters = np.repeat(np.arange(count), rng.integers(2, 6, count))
            positive = clusters % 2 == 0 if kind == "one kind" else rng.random(len(clusters)) < 0.5
        positive = np.asarray(positive)
        scores = rng.normal(size=len(clusters)) + rng.normal(size=count)[clusters] + positive
        value, wanted = reference.auroc(scores, positive, clusters.tolist())
        found = auroc(scores, positive, clusters.tolist())
        assert found.value == pytest.approx(value)
        assert found.ends == (wanted and pytest.approx(wanted, rel=1e-9))


@pytest.mark.parametrize(("pairs", "low"), [(24, 0.858), (8, 0.631), (3, 0.292)])
def test_pairs_that_separate_perfectly(pairs: int, low: float) -> None:
    positive = np.arange(2 * pairs) < pairs
    scores = np.where(positive, 5.0, 0.0) + np.tile(np.arange(pairs), 2) / 100
    names = list(range(pairs)) * 2
    for found in (auroc(scores, positive, names), auroc(scores, positive)):
        assert found.value == 1
        assert found.ends == pytest.approx((low, 1), abs=5e-4)
    assert auroc(-scores, positive, names).ends == pytest.approx((0, 1 - low), abs=5e-4)


def test_the_smaller_side_counts() -> None:
    scores = [5.0, 6.0, 7.0, *range(-10, 0)]
    found = auroc(scores, [True] * 3 + [False] * 10)
    assert found.ends == pytest.approx((0.025 ** (1 / 3), 1))
    repeated = auroc(scores * 4, ([True] * 3 + [False] * 10) * 4, list(range(13)) * 4)
    assert repeated.ends == found.ends


def test_swapping_the_kinds_mirrors() -> None:
    rng = np.random.default_rng(2)
    scores, positive = rng.normal(size=20), np.arange(20) % 3 == 0
    one, other = auroc(scores, positive), auroc(scores, ~positive)
    assert one.value == pytest.approx(1 - other.value)
    assert one.ends == pytest.approx((1 - other.ends[1], 1 - other.ends[0]))  # type: ignore[index]
    assert one.p == pytest.approx(other.p, abs=1e-5)
    monotone = auroc(np.exp(3 * scores), positive)
    assert monotone.ends == one.ends


def test_no_interval_says_why() -> None:
    few = auroc([1.0, 2.0, 3.0, 4.0], [True, True, False, False])
    assert (few.value, few.ends) == (0, None)
    assert few.reason == "2 against 2 clusters, 3 a side are needed"
    tied = auroc([1.0] * 8, [True, False] * 4)
    assert (tied.value, tied.reason) == (
        0.5,
        "all scores are equal: nothing is known of their spread",
    )
    alike = auroc(
        [1.0, 2.0, 3.0, 4.0] * 5, [True, False, False, True] * 5, [i // 4 for i in range(20)]
    )
    assert alike.reason == "all 5 clusters are alike: nothing is known of their spread"


def test_impossible_input_is_refused() -> None:
    with pytest.raises(InputError, match="all are of one kind"):
        auroc([1.0, 2.0], [True, True])
    with pytest.raises(InputError, match="3 scores need 3 labels"):
        auroc([1.0, 2.0, 3.0], [True, False])
    with pytest.raises(NumericsError, match="1 of the values are not finite"):
        auroc([1.0, float("inf")], [True, False])
