"""MLP neurons as nodes: thousands of effects from one gradient, the largest verified exactly.

    estimate(l, j) = Σ_pos (a_donor − a_receiver)_j · ∂m/∂a_j        a = mlp_act[l]

AtP of every neuron costs one gradient; patching one neuron exactly costs a forward pass. So the k
largest and a random sample of the rest are patched, and the hypergeometric bound of `verify.py`
says how many larger ones may have been missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import SiteError
from microtome.methods.patching.estimates import gradient_run, slope_audit
from microtome.methods.patching.setting import Directions, Donor, Setting, setting
from microtome.methods.patching.verify import most_exceeding
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.numbers import seed_of
from microtome.model.run import Run
from microtome.model.site import Site, mlp_act

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Neurons(Result):
    """Estimates of all neurons and exact effects of some, named L2N17; means over prompts.

    `correlation` is Pearson's over the verified neurons; `exceeding` bounds how many of the
    `unseen` ones beat `largest_sampled`.
    """

    layers: tuple[int, ...]
    estimates: Float[Tensor, "layer neuron"]
    exact: dict[str, float]
    sampled: tuple[str, ...]
    unseen: int
    exceeding: int
    level: float
    correlation: float
    audit: tuple[Audit, ...]

    @property
    def largest_sampled(self) -> float:
        return max((abs(self.exact[name]) for name in self.sampled), default=0.0)

    def rows(self) -> list[dict[str, Any]]:
        """One line per verified neuron: component, layer, neuron, estimate, effect, chosen."""
        found = []
        for name, effect in self.exact.items():
            layer, neuron = map(int, name[1:].split("N"))
            found.append(
                {
                    "component": name,
                    "layer": layer,
                    "neuron": neuron,
                    "estimate": float(self.estimates[self.layers.index(layer), neuron]),
                    "effect": effect,
                    "chosen": "sample" if name in self.sampled else "top",
                }
            )
        return found

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k verified neurons of largest exact effect by magnitude."""
        return sorted(self.exact.items(), key=lambda item: -abs(item[1]))[:k]


def patch_neurons(
    model: Model,
    text: Text,
    donor: Donor,
    direction: Directions,
    layers: Site | None = None,
    *,
    k: int = 20,
    sample: int = 20,
    level: float = 0.95,
    seed: int = 42,
    max_rows: int = 12,
) -> Neurons:
    """Estimate every neuron of `layers` (default `mlp_act[:]`) and verify the k largest."""
    site = mlp_act[:] if layers is None else layers
    if site.kind != "mlp_act":
        raise SiteError(f"{site} has no neurons; give mlp_act[:] or mlp_act[a:b].")
    given = setting(model, text, donor, site, direction)
    graded = gradient_run(given, given.receiver)
    estimates = torch.stack([_products(given, graded, s) for s in given.sites]).mean(1)
    order = estimates.abs().flatten().argsort(descending=True, stable=True).tolist()
    top, rest = order[:k], np.array(order[k:], dtype=int)
    drawn = np.random.default_rng(seed_of(seed)).choice(rest, min(sample, len(rest)), replace=False)
    width = estimates.shape[1]
    chosen = [divmod(int(i), width) for i in [*top, *drawn]]
    effects = torch.cat(
        [_exactly(given, chosen[i : i + max_rows]) for i in range(0, len(chosen), max_rows)]
    )
    names = [f"L{given.sites[place].layer}N{neuron}" for place, neuron in chosen]
    guessed = torch.stack([estimates[place, neuron] for place, neuron in chosen]).double()
    return Neurons(
        layers=tuple(s.layer for s in given.sites),
        estimates=estimates,
        exact=dict(zip(names, effects.tolist(), strict=True)),
        sampled=tuple(names[len(top) :]),
        unseen=len(rest) - len(drawn),
        exceeding=most_exceeding(len(rest), len(drawn), level),
        level=level,
        correlation=float(torch.corrcoef(torch.stack([guessed, effects]))[0, 1]),
        audit=(slope_audit(given, given.receiver, graded),),
    )


def _products(given: Setting, graded: Run, site: Site) -> Float[Tensor, "batch neuron"]:
    """AtP of each neuron, summed over positions."""
    return (given.difference(site) * graded.gradient(site).float()).sum(-2).cpu()


def _exactly(given: Setting, chosen: Sequence[tuple[int, int]]) -> Float[Tensor, " neuron"]:
    """Mean exact effect of each (site's place, neuron): one batched pass."""
    receiver, count = given.receiver, len(chosen)
    prompts, edits = len(receiver.tokens.ids), []
    for i, (place, neuron) in enumerate(chosen):
        site = given.sites[place]
        value = receiver[site].clone()
        value[..., neuron] = given.donor[site][..., neuron]
        rows = tuple(prompt * count + i for prompt in range(prompts))
        edits.append(replace(given.edit(site, value), rows=rows))
    run = receiver.model.run(receiver.tokens.repeat(count), write=edits, logits="last")
    patched = given.delta(run.final_logits.unflatten(0, (prompts, count)))
    return (patched - given.delta(receiver.final_logits)[:, None]).mean(0)
