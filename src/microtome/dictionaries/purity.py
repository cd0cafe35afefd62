"""Does a latent stand for one class? Its best class, and how well it tells that class.

    precision  P(y = p | f > 0) for the class p where it is largest        ("purity")
    recall     P(f > 0 | y = p)
    AUROC      P(f of a p > f of another) + ½ P(equal)

over latents that fire at least n times. The best of several classes looks good by chance, so the
control permutes the labels and takes the best class anew: `chance` is its mean precision. p is
the share of permutations in which any latent (max-T) has a class as much more frequent among its
firings, in standard errors, than this latent has.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from microtome.audit import Audit
from microtome.dictionaries.shown import shown
from microtome.errors import InputError, NumericsError
from microtome.statistics import Interval, Level, auroc, share
from microtome.statistics.grouping import grouped

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Latent:
    """One latent's best class; intervals are over clusters."""

    latent: int
    label: str
    precision: Interval
    recall: Interval
    auroc: Interval
    chance: float
    """Mean precision of the best class when the labels are permuted."""
    p: float
    """Corrected over all latents of the table."""
    fired: int


@dataclass(frozen=True)
class Purity:
    """Latents that fire often enough, by precision's lead over chance and then by recall."""

    latents: tuple[Latent, ...]
    classes: tuple[str, ...]
    at_least: int
    too_rare: int
    """Latents that fire less often, and are left out."""
    audit: tuple[Audit, ...]

    @property
    def mean(self) -> float:
        """Mean precision over the latents."""
        return float(np.mean([one.precision.value for one in self.latents]))

    def top(self, k: int = 10) -> tuple[Latent, ...]:
        """The k latents farthest above chance."""
        return self.latents[:k]

    def table(self) -> "pandas.DataFrame":
        """One line per latent."""
        import pandas

        return pandas.DataFrame(_row(one) for one in self.latents)

    def _repr_html_(self) -> str:
        return shown(self.table(), self.audit)


def _row(one: Latent) -> dict[str, object]:
    row: dict[str, object] = {"latent": one.latent, "class": one.label, "fired": one.fired}
    for name in ("precision", "recall", "auroc"):
        found: Interval = getattr(one, name)
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return row | {"chance": one.chance, "p": one.p}


def purity(
    activations: Float[Tensor, "n latents"],
    labels: Sequence[str],
    *,
    clusters: Sequence[Hashable] | None = None,
    latents: Sequence[int] | None = None,
    at_least: int = 10,
    permutations: int = 200,
    resamples: int = 1000,
    seed: int = 42,
) -> Purity:
    """The best class of each latent that fires at least `at_least` times in n items.

    `labels` [n] name each item's class, `clusters` [n] what it belongs together with (its text).
    Labels are permuted between clusters, those of one staying together; intervals are over
    clusters, every item with the same weight. `latents` names the columns.
    InputError without two classes or without a latent that fires often enough.
    """
    f, names, y = _checked(activations, labels, clusters)
    owner, at = grouped(clusters, len(f)).codes, Level(resamples=resamples, seed=seed)
    fires = f > 0
    counts = fires.sum(0)
    often = np.flatnonzero(counts >= at_least)
    if not len(often):
        raise InputError(
            f"No latent fires {at_least} times in {len(f)} items (the most frequent: "
            f"{int(counts.max(initial=0))}); lower at_least or give more items."
        )
    dense = fires[:, often].astype(float)
    best, excess = _precisions(dense, y, len(names))
    drawn, highest = _permuted(dense, y, owner, len(names), permutations, seed)
    chance = drawn.mean(0)
    found = []
    for place, column in enumerate(often):
        of = y == (label := int(best[:, place].argmax()))
        precision, recall = (
            share((fires[:, column] & of)[under], owner[under].tolist(), at, weight="item")
            for under in (fires[:, column], of)
        )
        reached = int((highest >= excess[place] - 1e-9).sum())
        number = int(column) if latents is None else int(latents[int(column)])
        found.append(Latent(
            number, names[label], precision, recall, auroc(f[:, column], of, owner.tolist(), at),
            float(chance[place]), (reached + 1) / (permutations + 1), int(counts[column]),
        ))  # fmt: skip
    found.sort(key=lambda one: (one.precision.value - one.chance, one.recall.value), reverse=True)
    control = Audit(
        "mean precision of permuted labels", float(chance.mean()), float(best.max(0).mean()),
        note="control: below the mean precision of the true ones",
    )  # fmt: skip
    return Purity(tuple(found), names, at_least, f.shape[1] - len(often), (control,))


def _checked(
    activations: Tensor, labels: Sequence[str], clusters: Sequence[Hashable] | None
) -> tuple[Floats, tuple[str, ...], NDArray[np.intp]]:
    f = activations.detach().double().cpu().numpy()
    if f.ndim != 2 or len(f) != len(labels) or (clusters is not None and len(f) != len(clusters)):
        raise InputError(
            f"Purity takes activations of shape (items, latents) and a label and cluster per item; "
            f"got {f.shape}, {len(labels)} labels"
            f"{'' if clusters is None else f' and {len(clusters)} clusters'}."
        )
    if not np.isfinite(f).all():
        raise NumericsError("Some activations are not finite.")
    names = tuple(dict.fromkeys(map(str, labels)))
    if len(names) < 2:
        raise InputError(f"Purity needs two classes; the labels name {len(names)}.")
    order = {name: i for i, name in enumerate(names)}
    return f, names, np.array([order[str(label)] for label in labels])


def _precisions(fires: Floats, y: NDArray[np.intp], classes: int) -> tuple[Floats, Floats]:
    """P(y = p | f > 0) [classes, latents], and each latent's largest excess over P(y = p)."""
    hot = np.eye(classes)[y]
    found: Floats = hot.T @ fires / fires.sum(0)
    share = hot.mean(0)[:, None]
    error = np.sqrt(share * (1 - share) / fires.sum(0))
    # A class that a permutation left out is no more frequent anywhere.
    excess = np.divide(found - share, error, out=np.zeros_like(found), where=error > 0)
    return found, excess.max(0)


def _permuted(
    fires: Floats, y: NDArray[np.intp], owner: NDArray[np.intp], classes: int,
    permutations: int, seed: int,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Under permuted labels: best precisions [permutations, latents], largest excess of any."""
    rng = np.random.default_rng(seed)
    first = np.zeros(owner.max() + 1, dtype=np.intp)
    first[owner[::-1]] = np.arange(len(owner))[::-1]
    whole = bool((y == y[first][owner]).all())
    found, highest = np.empty((permutations, fires.shape[1])), np.empty(permutations)
    for i in range(permutations):
        shuffled = rng.permutation(y[first])[owner] if whole else _dealt(y, owner, rng)
        best, excess = _precisions(fires, shuffled, classes)
        found[i], highest[i] = best.max(0), excess.max()
    return found, highest


def _dealt(
    y: NDArray[np.intp], owner: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Every cluster given the labels of another, in any order (repeated where it is larger)."""
    sizes = np.bincount(owner)
    starts = sizes.cumsum() - sizes
    donor = rng.permutation(len(sizes))[owner]
    by_cluster = np.argsort(owner, kind="stable")
    rank = np.empty_like(owner)
    rank[by_cluster] = np.arange(len(y)) - starts[owner[by_cluster]]
    mixed = np.lexsort((rng.random(len(y)), owner))
    return y[mixed[starts[donor] + rank % sizes[donor]]]
