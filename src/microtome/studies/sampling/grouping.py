"""One problem's solutions in clusters: K-means' and the chosen ones, with their controls."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from microtome.methods.clusters import FEWEST, Clustering, choose_clusters, kmeans
from microtome.methods.clusters_shown import agreement, plane, silhouette, stability
from microtome.studies.sampling.configuration import Configuration

_SHUFFLES = 50


@dataclass(frozen=True, eq=False)
class Grouped:
    """Latents "n d" of one layer, both clusterings, and the known methods (None where unknown)."""

    z: "np.ndarray"
    error: float
    known: list[str | None]
    layer: int
    fixed: Clustering
    chosen: Clustering
    plane: "np.ndarray"
    seed: int

    def row(self) -> dict[str, Any]:
        """What stands in the table of clusterings."""
        accepted = [split.separation for split in self.chosen.splits if split.accepted]
        return {
            "layer": self.layer,
            "pooling_error": self.error,
            "k": self.chosen.k,
            "sizes": " ".join(map(str, self.chosen.sizes)),
            "least_separation": min(accepted, default=None),
            "stability": stability(self.z, self.chosen, seed=self.seed),
            "silhouette": silhouette(self.z, self.chosen),
            "k_kmeans": self.fixed.k,
            "sizes_kmeans": " ".join(map(str, self.fixed.sizes)),
            "stability_kmeans": stability(self.z, self.fixed, seed=self.seed),
            "silhouette_kmeans": silhouette(self.z, self.fixed),
            **self._against_known(),
        }

    def _against_known(self) -> dict[str, Any]:
        """Agreement with the known methods, and with permuted labels as a control."""
        told = [i for i, method in enumerate(self.known) if method is not None]
        names = [str(self.known[i]) for i in told]
        if not told:
            return dict.fromkeys(("methods", "ari", "ari_kmeans", "ari_shuffled"))
        rng = np.random.default_rng(self.seed)
        labels = self.chosen.labels[told]
        shuffled = [agreement(rng.permutation(labels), names) for _ in range(_SHUFFLES)]
        return {
            "methods": len(set(names)),
            "ari": agreement(labels, names),
            "ari_kmeans": agreement(self.fixed.labels[told], names),
            "ari_shuffled": float(np.mean(shuffled)) if len(set(names)) > 1 else None,
        }

    def one_method(self) -> list[dict[str, Any]]:
        """Control: the solutions of one known method alone, which should be one cluster."""
        rows = []
        for method in sorted({name for name in self.known if name is not None}):
            members = [i for i, name in enumerate(self.known) if name == method]
            if len(members) >= 2 * FEWEST:
                found = choose_clusters(self.z[members], resolution=self.error, seed=self.seed)
                rows.append({"method": method, "n": len(members), "k": found.k})
        return rows


def grouped(
    z: "np.ndarray", error: float, known: list[str | None], study: Configuration, layer: int
) -> Grouped:
    """Cluster latents "n d" whose pooling error is `error`."""
    return Grouped(
        z, error, known, layer,
        kmeans(z, study.n_clusters, seed=study.seed, force=study.force),
        choose_clusters(z, resolution=error, seed=study.seed),
        plane(z), study.seed,
    )  # fmt: skip
