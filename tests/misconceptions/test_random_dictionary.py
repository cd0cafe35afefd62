"""Random directions: orthogonal, complete, different by site and seed, and marked."""

import torch

from microtome.dictionaries.random import STAND_IN, random_dictionary
from microtome.model.site import resid_post


def test_it_reconstructs_exactly_from_orthogonal_directions():
    own = random_dictionary(24, resid_post[1])
    assert own.d_dict == 48
    assert torch.allclose(own.atoms[:24] @ own.atoms[:24].T, torch.eye(24), atol=1e-5)
    x = torch.randn(5, 24)
    assert torch.allclose(own.reconstruct(x), x, atol=1e-5)
    assert ((own.encode(x) > 0).sum(-1) == 24).all(), "one of each pair of signs fires"


def test_site_and_seed_make_it_what_it_is():
    def rows(layer: int, seed: int) -> torch.Tensor:
        return random_dictionary(8, resid_post[layer], seed=seed).atoms

    assert torch.equal(rows(1, 42), rows(1, 42))
    assert not torch.allclose(rows(1, 42), rows(2, 42))
    assert not torch.allclose(rows(1, 42), rows(1, 43))


def test_it_says_that_it_is_a_stand_in():
    assert random_dictionary(4, resid_post[0]).origin.stand_in == STAND_IN
