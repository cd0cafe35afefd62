"""Random orthogonal directions as features: what a dictionary that learnt nothing shows.

    f₊ = relu(U x),  f₋ = relu(−U x),  x = Uᵀ f₊ − Uᵀ f₋,        U orthogonal, drawn by the seed

Both signs of a direction are features, so activations are ≥ 0 and the reconstruction is exact.
It is a stand-in and says so in its origin; nothing uses one that was not asked for.
"""

import torch

from microtome.dictionaries.dictionary import Origin
from microtome.dictionaries.nonlinearity import ReLU
from microtome.dictionaries.sae import SAE
from microtome.errors import InputError
from microtome.files import digest
from microtome.model.site import Site

STAND_IN = "random orthogonal directions in place of a trained dictionary"


def random_dictionary(width: int, site: Site, *, seed: int = 42) -> SAE:
    """2 · width features at a site whose activations have `width` numbers.

    Each site has directions of its own; the same width, site and seed give the same ones.
    """
    if width < 1:
        raise InputError(f"A dictionary reads vectors of at least one number, not {width}.")
    drawn = int(digest({"site": str(site), "seed": seed, "width": width})[:12], 16)
    generator = torch.Generator().manual_seed(drawn)
    q, r = torch.linalg.qr(torch.randn(width, width, generator=generator))
    # With the signs of R's diagonal moved into Q, it is uniform over rotations and reflections.
    directions = q * r.diagonal().sign()
    rows = torch.cat([directions, -directions])
    return SAE(
        rows,
        torch.zeros(2 * width),
        rows.clone(),
        torch.zeros(width),
        ReLU(),
        site_in=site,
        site_out=site,
        origin=Origin(
            source=f"random orthogonal directions at {site}, seed {seed}", stand_in=STAND_IN
        ),
    )
