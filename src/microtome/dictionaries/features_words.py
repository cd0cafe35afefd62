"""What features say to the vocabulary, and which other features they resemble.

    w = W_U (γ ⊙ atom), less its mean over the vocabulary;     z = w / std(w)

γ is the final norm's gain: up to the norm's scale at a token, w is what one unit of the feature
adds to each logit directly, past all later layers (and past the soft-cap, if any). An atom at
`attn_z` first goes through the attention's output projection. Any direction favours some token:
`chance` is the mean largest z of random directions, and likewise for cosines between features.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.features_contexts import spell
from microtome.model.model import Model
from microtome.model.site import Site

RESIDUAL = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
_RANDOM = 20


@dataclass(frozen=True)
class Word:
    """A token, its logit weight per unit of the feature, and that in standard deviations."""

    token: str
    id: int
    weight: float
    z: float


@dataclass(frozen=True)
class Words:
    """Tokens promoted and suppressed, strongest first; empty where the site reaches no logit."""

    promoted: tuple[Word, ...] = ()
    suppressed: tuple[Word, ...] = ()
    chance: float | None = None
    """Mean largest z of random directions."""
    how: str = ""


@dataclass(frozen=True)
class Similar:
    """Another feature, with the cosines of the two atoms and of the two encoder rows."""

    feature: int
    atoms: float
    encoder: float | None


def words(
    dictionary: Dictionary, model: Model, features: tuple[int, ...], count: int, seed: int
) -> list[Words]:
    """The `count` tokens that each feature promotes and suppresses most."""
    site = dictionary.site_out
    assert site is not None
    if site.kind not in (*RESIDUAL, "attn_z"):
        return [Words(how=f"{site} does not add to the residual stream") for _ in features]
    atoms = dictionary.atoms[list(features)].float().to(model.device)
    weights, z = _logits(model, site, torch.cat([atoms, _random(dictionary, seed).to(atoms)]))
    chance = float(z[len(atoms) :].max(-1).values.mean())
    how = "W_U (gain ⊙ W_O atom)" if site.kind == "attn_z" else "W_U (gain ⊙ atom)"
    found = []
    for own, own_z in zip(weights[: len(atoms)], z[: len(atoms)], strict=True):
        promoted, suppressed = (
            tuple(
                _word(model.tokenizer, i, own, own_z)
                for i in own.topk(count, largest=largest).indices.tolist()
            )
            for largest in (True, False)
        )
        found.append(Words(promoted, suppressed, chance, how))
    return found


def _word(tokenizer: Any, token: int, weights: Tensor, z: Tensor) -> Word:
    return Word(spell(tokenizer, token), token, float(weights[token]), float(z[token]))


def _logits(
    model: Model, site: Site, atoms: Float[Tensor, "n d_out"]
) -> tuple[Float[Tensor, "n vocab"], Float[Tensor, "n vocab"]]:
    """Logit weights of directions written at a site, and the same in standard deviations."""
    if site.kind == "attn_z":
        w_o = model.parts.w_o(site.layer, model.adapter).to(atoms)
        atoms = atoms @ w_o.reshape(-1, w_o.shape[-1])
        post_norm = model.parts.post_norm(site.layer, "attn")
        atoms = atoms if post_norm is None else atoms * post_norm.gain.to(atoms)
    norm = model.parts.final_norm
    seen = norm.frozen(atoms.to(norm.gain.device), torch.ones(1, device=norm.gain.device))
    head = model.hf.get_output_embeddings().weight.detach()
    weights = torch.cat([seen.to(part.device) @ part.float().T for part in head.split(32768)], -1)
    weights = weights - weights.mean(-1, keepdim=True)
    return weights, weights / weights.std(-1, keepdim=True).clamp(min=1e-12)


def similar(
    dictionary: Dictionary, features: tuple[int, ...], count: int, seed: int
) -> tuple[list[tuple[Similar, ...]], float]:
    """The `count` features nearest to each by cosine of atoms, and what random atoms reach."""
    atoms = _unit(dictionary.atoms)
    encoder = getattr(dictionary, "w_enc", None)
    rows = None if encoder is None else _unit(encoder)
    random = _unit(_random(dictionary, seed).to(atoms))
    chance = float((random @ atoms.T).max(-1).values.mean())
    found = []
    for feature in features:
        cosines = atoms @ atoms[feature]
        cosines[feature] = -torch.inf
        near = cosines.topk(min(count, len(atoms) - 1)).indices.tolist()
        found.append(
            tuple(
                Similar(
                    other,
                    float(cosines[other]),
                    None if rows is None else float(rows[other] @ rows[feature]),
                )
                for other in near
            )
        )
    return found, chance


def _random(dictionary: Dictionary, seed: int) -> Float[Tensor, "n d_out"]:
    """Directions from numpy's stream, which shares no seed with a dictionary made by torch."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(_RANDOM, dictionary.d_out)))


def _unit(x: Tensor) -> Tensor:
    return torch.nn.functional.normalize(x.float(), dim=-1)
