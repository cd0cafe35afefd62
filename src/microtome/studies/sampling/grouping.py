"""One problem's solutions in clusters: K-means' and the chosen ones, with their controls."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from microtome.methods.clusters import FEWEST, Clustering, choose_clusters, kmeans
from microtome.methods.clusters_shown import agreement, plane, silhouette, stability
from microtome.statistics.power import APART, power_of_one_cloud
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
            "d": self.z.shape[1],
            "k": self.chosen.k,
            "verdict": self.chosen.verdict,
            **self._tests(),
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

    def _tests(self) -> dict[str, float | None]:
        """p of both tests of all solutions; the first one's power beside a K of 1."""
        tested = self.chosen.splits[0].cloud if self.chosen.splits else None
        return {
            "cloud_p": tested.p if tested else None,
            "dip_p": tested.dip if tested else None,
            **powers(len(self.z) if self.chosen.k == 1 else 0, self.z.shape[1]),
        }

    def _against_known(self) -> dict[str, Any]:
        """Agreement with the known methods, and with permuted labels as a control."""
        places = [i for i, method in enumerate(self.known) if method is not None]
        names = [str(self.known[i]) for i in places]
        if not places:
            return dict.fromkeys(("methods", "ari", "ari_kmeans", "ari_shuffled"))
        rng = np.random.default_rng(self.seed)
        labels = self.chosen.labels[places]
        shuffled = [agreement(rng.permutation(labels), names) for _ in range(_SHUFFLES)]
        return {
            "methods": len(set(names)),
            "ari": agreement(labels, names),
            "ari_kmeans": agreement(self.fixed.labels[places], names),
            "ari_shuffled": float(np.mean(shuffled)) if len(set(names)) > 1 else None,
        }

    def one_method(self) -> list[dict[str, Any]]:
        """Control: the solutions of one known method alone, which should be one cluster."""
        rows = []
        for method in sorted({name for name in self.known if name is not None}):
            members = [i for i, name in enumerate(self.known) if name == method]
            if len(members) >= 2 * FEWEST:
                found = choose_clusters(self.z[members], resolution=self.error, seed=self.seed)
                row = {"method": method, "n": len(members), "d": self.z.shape[1], "k": found.k}
                rows.append({**row, "verdict": found.verdict})
        return rows


def powers(n: int, d: int) -> dict[str, float | None]:
    """Power of the test for one cloud at 4, 6 and 10 sd, by column; None for no points."""
    return {
        f"power_{apart:g}_sd": power_of_one_cloud(n, d, apart) if n else None for apart in APART
    }


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
