"""What to train: one frozen value per architecture, given to `train`.

    TopK          the k largest latents of each token                Gao et al. 2024
    BatchTopK     k per token on average over a batch                Bussmann et al. 2024
    Matryoshka    batch top-k whose prefixes reconstruct alone       Bussmann et al. 2025
    JumpReLU      a threshold per latent, trained by its L0          Rajamanoharan et al. 2024b
    ReLU          L1 on the activations                              Bricken et al. 2023

The last two have a penalty whose weight a controller steers until `l0` latents fire per token.
Any of them is a transcoder when `target` names another site, with `skip` a skip transcoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, ClassVar

from microtome.dictionaries.order import precedes
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
    """Peak learning rate; None is 2e-4 / sqrt(d_dict / 2^14), and 5e-4 / ... for a ReLU."""
    name: str = ""
    """In logs and folders; the site's name where left out."""
    kind: ClassVar[str] = ""
    usual_lr: ClassVar[float] = 2e-4

    def __post_init__(self) -> None:
        for field in ("site", "target"):
            if isinstance(value := getattr(self, field), str) and value:
                object.__setattr__(self, field, parse_site(value))
        if self.d_dict < 1:
            raise ConfigError(f"d_dict={self.d_dict} was asked for; use at least 1 latent.")
        if self.skip and self.target is None:
            raise ConfigError("skip=True belongs to a transcoder; name its target site too.")
        self._demand_order()
        self._demand("lr", self.lr, "a learning rate is above 0")

    def _demand_order(self) -> None:
        """A transcoder predicts what the model computes later."""
        site, target = self.site, self.target
        if isinstance(site, Site) and isinstance(target, Site) and precedes(target, site):
            raise ConfigError(
                f"A transcoder from {self.site} to {self.target} was asked for, and the model "
                f"computes {self.target} first; exchange site and target."
            )

    def _demand(self, name: str, value: float | None, rule: str, *, zero: bool = False) -> None:
        """ConfigError unless a number is finite and above 0 (or 0, where that may be); None is."""
        if value is not None and not ((value > 0 or (zero and value == 0)) and isfinite(value)):
            raise ConfigError(f"{name}={value} was asked for; {rule}.")

    @property
    def rate(self) -> float:
        """The peak learning rate."""
        return self.lr if self.lr is not None else self.usual_lr / (self.d_dict / 2**14) ** 0.5

    @property
    def rates(self) -> Mapping[str, float]:
        """Peak learning rates of parameters that have their own, by name."""
        return {}

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
        self._demand("k_aux", self.k_aux, "use 0 for no revival, or a number above it", zero=True)
        self._demand("aux_weight", self.aux_weight, "a weight is at least 0", zero=True)
        self._demand("dead_after", self.dead_after, "use at least 1 token")


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
class Penalised(Recipe):
    """Recipes that a penalty makes sparse."""

    l0: float | None = None
    """Latents per token that the penalty's weight is steered to; None is 32 (at most d_dict / 2),
    or no target where the weight is given."""
    weight: ClassVar[str] = ""
    """Name of the field that fixes the weight."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fixed = self.fixed
        self._demand(self.weight, fixed, "the weight of a penalty is at least 0", zero=True)
        if self.l0 is not None and fixed is not None:
            raise ConfigError(
                f"l0={self.l0} and {self.weight}={fixed} were asked for; the penalty's weight is "
                f"either steered to an L0 or fixed, give one of the two."
            )
        if self.l0 is not None and not 0 < self.l0 < self.d_dict:
            raise ConfigError(
                f"l0={self.l0} latents per token were asked for; use more than 0 and less than "
                f"d_dict={self.d_dict}."
            )

    @property
    def fixed(self) -> float | None:
        """The penalty's weight; None where it is steered."""
        value: float | None = getattr(self, self.weight)
        return value

    @property
    def aim(self) -> float:
        """The L0 that is steered to; of a fixed weight, where the training starts."""
        return self.l0 if self.l0 is not None else min(32.0, self.d_dict / 2)


@dataclass(frozen=True)
class JumpReLU(Penalised):
    """A trained threshold per latent; the penalty counts the latents that fire.

    Lengths are in units where E‖x‖ = √d, in which pre-activations are of the order of 1.
    """

    sparsity: float | None = None
    """A fixed weight of the L0 (relative to the variance) in place of a target."""
    bandwidth: float = 0.5
    """Width of the straight-through kernel."""
    start_threshold: float | None = None
    """None is the one at which as many latents fire on the first batch as are aimed at."""
    threshold_lr: float = 1e-2
    """Peak learning rate of the thresholds, which travel further than weights do."""
    kind = "jumprelu"
    weight = "sparsity"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._demand("bandwidth", self.bandwidth, "a kernel's width is above 0")
        self._demand("threshold_lr", self.threshold_lr, "a learning rate is above 0")
        self._demand("start_threshold", self.start_threshold, "use at least 0", zero=True)

    @property
    def rates(self) -> Mapping[str, float]:
        return {"threshold": self.threshold_lr}


@dataclass(frozen=True)
class ReLU(Penalised):
    """relu with an L1 penalty."""

    l1: float | None = None
    """A fixed weight of Σ|f| (relative to the variance) in place of a target L0."""
    kind = "relu"
    usual_lr = 5e-4
    weight = "l1"


KINDS: dict[str, type[Recipe]] = {r.kind: r for r in (TopK, BatchTopK, Matryoshka, JumpReLU, ReLU)}


def recipe(kind: str, d_dict: int, **options: Any) -> Recipe:
    """A recipe by its kind's name; ConfigError for one that does not exist or an odd option."""
    if kind not in KINDS:
        raise ConfigError(f"Unknown kind of dictionary {kind!r}.{suggest(kind, KINDS)}")
    known = KINDS[kind].__dataclass_fields__
    if odd := [name for name in options if name not in known]:
        raise ConfigError(f"A {kind} recipe has no {odd[0]!r}.{suggest(odd[0], known)}")
    return KINDS[kind](d_dict, **options)
