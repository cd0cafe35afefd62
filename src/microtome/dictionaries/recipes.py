"""What to train: one frozen value per architecture, given to `train`.

    TopK          the k largest latents of each token                Gao et al. 2024
    BatchTopK     k per token on average over a batch                Bussmann et al. 2024
    Matryoshka    batch top-k whose prefixes reconstruct alone       Bussmann et al. 2025
    JumpReLU      a threshold per latent, trained by its L0          Rajamanoharan et al. 2024b
    ReLU          L1 on the activations                              Bricken et al. 2023

Any of them is a transcoder when `target` names another site, with `skip` a skip transcoder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from microtome.errors import ConfigError, suggest
from microtome.model.site import Site, mlp_in, mlp_out, parse_site


@dataclass(frozen=True)
class Recipe:
    """What all share; use one of its subclasses."""

    d_dict: int
    site: Site | str = ""
    """The site it reads; may be left out where the activations have only one."""
    target: Site | str | None = None
    """The site a transcoder writes; None for an autoencoder."""
    skip: bool = False
    """A linear map from input to output beside the latents (transcoders only)."""
    seed: int = 0
    lr: float | None = None
    """Peak learning rate; None is 2e-4 / sqrt(d_dict / 2^14)."""
    name: str = ""
    """In logs and folders; the site's name where left out."""
    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in ("site", "target"):
            if isinstance(value := getattr(self, field), str) and value:
                object.__setattr__(self, field, parse_site(value))
        if self.d_dict < 1:
            raise ConfigError(f"d_dict={self.d_dict} was asked for; use at least 1 latent.")
        if self.skip and self.target is None:
            raise ConfigError("skip=True belongs to a transcoder; name its target site too.")
        if self.lr is not None and not self.lr > 0:
            raise ConfigError(f"lr={self.lr} was asked for; a learning rate is above 0.")

    @property
    def rate(self) -> float:
        """The peak learning rate."""
        return self.lr if self.lr is not None else 2e-4 / (self.d_dict / 2**14) ** 0.5

    @property
    def reads(self) -> Site:
        if not isinstance(self.site, Site):
            raise ConfigError(f"A {type(self).__name__} names no site; give site='resid_post[2]'.")
        return self.site

    @property
    def writes(self) -> Site:
        return self.target if isinstance(self.target, Site) else self.reads

    @property
    def label(self) -> str:
        """Its name, or one made of its sites."""
        noun = "" if self.target is None else "transcoder_"
        return self.name or noun + str(self.reads).replace("[", "_").replace("]", "")

    def transcoding(self, layer: int, *, skip: bool = False) -> Any:
        """The same recipe for the MLP of a layer: mlp_in → mlp_out."""
        name = self.name or f"transcoder_{layer}"
        return replace(self, site=mlp_in[layer], target=mlp_out[layer], skip=skip, name=name)


@dataclass(frozen=True)
class Choosing(Recipe):
    """Recipes that choose k latents; the dead ones learn from the residual (AuxK)."""

    k: int = 32
    k_aux: int | None = None
    """Dead latents that model a token's residual; None is min(d / 2, 2 k), 0 is no revival."""
    aux_weight: float = 1 / 32
    dead_after: int | None = None
    """Tokens of silence after which a latent is dead; None is 5 % of all, at most 10M."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.k <= self.d_dict:
            raise ConfigError(
                f"k={self.k} latents of {self.d_dict} were asked for; use 1 to {self.d_dict}."
            )


@dataclass(frozen=True)
class TopK(Choosing):
    """The k largest pre-activations of each token, then relu."""

    kind = "topk"


@dataclass(frozen=True)
class BatchTopK(Choosing):
    """The k · tokens largest of a batch, however they fall on its tokens.

    Exported as a JumpReLU whose threshold is the running mean of the batches' smallest choices.
    """

    kind = "batchtopk"


@dataclass(frozen=True)
class Matryoshka(BatchTopK):
    """Batch top-k with a loss on every prefix of latents; `groups` are the prefixes' sizes."""

    groups: tuple[int, ...] = ()
    kind = "matryoshka"

    def __post_init__(self) -> None:
        super().__post_init__()
        groups = tuple(self.groups) or tuple(
            dict.fromkeys(max(1, self.d_dict >> i) for i in (4, 3, 2, 1, 0))
        )
        object.__setattr__(self, "groups", groups)
        if list(groups) != sorted(set(groups)) or groups[0] < 1 or groups[-1] != self.d_dict:
            raise ConfigError(
                f"groups={groups} were asked for; give growing prefix sizes that end with "
                f"d_dict={self.d_dict}."
            )


@dataclass(frozen=True)
class JumpReLU(Recipe):
    """A trained threshold per latent; `sparsity` weighs the L0 (relative to the variance)."""

    sparsity: float = 1e-3
    bandwidth: float = 0.05
    """Width of the straight-through kernel, in units where E‖x‖ = √d."""
    start_threshold: float = 0.05
    kind = "jumprelu"


@dataclass(frozen=True)
class ReLU(Recipe):
    """relu with an L1 penalty; `l1` weighs Σ|f| (relative to the variance)."""

    l1: float = 1e-2
    kind = "relu"


KINDS: dict[str, type[Recipe]] = {r.kind: r for r in (TopK, BatchTopK, Matryoshka, JumpReLU, ReLU)}


def recipe(kind: str, d_dict: int, **options: Any) -> Recipe:
    """A recipe by its kind's name; ConfigError for one that does not exist or an odd option."""
    if kind not in KINDS:
        raise ConfigError(f"Unknown kind of dictionary {kind!r}.{suggest(kind, KINDS)}")
    known = KINDS[kind].__dataclass_fields__
    if odd := [name for name in options if name not in known]:
        raise ConfigError(f"A {kind} recipe has no {odd[0]!r}.{suggest(odd[0], known)}")
    return KINDS[kind](d_dict, **options)
