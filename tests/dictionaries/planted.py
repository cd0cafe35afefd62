"""Small dictionaries whose behaviour is known without training."""

import torch

from microtome.dictionaries.nonlinearity import JumpReLU, Nonlinearity, ReLU
from microtome.dictionaries.norm import NONE, InputNorm
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.model.site import Site, mlp_in, mlp_out, resid_post


def random_sae(
    d: int,
    d_dict: int = 32,
    site: Site = resid_post[2],
    activation: Nonlinearity | None = None,
    norm: InputNorm = NONE,
    seed: int = 0,
) -> SAE:
    """An SAE with seeded random weights and unit decoder rows."""
    torch.manual_seed(seed)
    w_dec = torch.nn.functional.normalize(torch.randn(d_dict, d), dim=-1)
    return SAE(
        w_dec.clone() + 0.1 * torch.randn(d_dict, d),
        0.1 * torch.randn(d_dict),
        w_dec,
        0.1 * torch.randn(d),
        activation or ReLU(),
        norm=norm,
        site_in=site,
        site_out=site,
    )


def random_transcoder(d: int, d_dict: int = 32, layer: int = 2, seed: int = 0) -> Transcoder:
    """A JumpReLU transcoder with a skip, seeded."""
    torch.manual_seed(seed)
    return Transcoder(
        torch.randn(d_dict, d) / d**0.5,
        torch.zeros(d_dict),
        torch.randn(d_dict, d) / d**0.5,
        torch.zeros(d),
        JumpReLU(torch.full((d_dict,), 0.2)),
        w_skip=torch.randn(d, d) / d,
        site_in=mlp_in[layer],
        site_out=mlp_out[layer],
    )
