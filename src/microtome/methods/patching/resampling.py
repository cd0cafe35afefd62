"""What a set of nodes does alone: everything outside it takes the donor's activations.

    m(C) = Δ of the receiver with every node outside C replaced by the donor's
    f(C) = Σ sign(gap)·(m(C) − m(∅)) / Σ |gap|        gap = m(all) − m(∅), sums over prompts

m(all) is the receiver untouched, m(∅) every node replaced (its embeddings stay). Each prompt's
effect counts towards its own m(all), so prompts whose gaps have opposite signs do not cancel.
Many sets share one batched pass. Chan et al. 2022, "Causal scrubbing"; Wang et al. 2022, arXiv
2211.00593.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.errors import InputError
from microtome.methods.patching.setting import Setting, value_at
from microtome.model.edit import Edit
from microtome.model.site import Site
from microtome.model.tolerance import tolerance

Members = frozenset[str]
MAX_ENTRIES = 2**20
SMALLEST_GAP = 1e-3


@dataclass(frozen=True, eq=False)
class Resampling:
    """A setting whose Δ is read for any set of nodes; every set is run once.

    `receiver` is the full model m(all). Raises InputError if donor and receiver do not differ.
    """

    given: Setting
    known: dict[Members, Float[Tensor, " batch"]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        size = float(self.gaps.abs().mean())
        if size < SMALLEST_GAP:
            raise InputError(
                f"Replacing every node changes Δ by {size:.2g} logits on average, so no part of "
                f"that change can be explained; give a donor that answers differently."
            )

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.given.nodes

    @property
    def full(self) -> Float[Tensor, " batch"]:
        """m(all): the receiver's own Δ."""
        return self.given.delta(self.given.receiver.final_logits)

    @property
    def empty(self) -> Float[Tensor, " batch"]:
        """m(∅): Δ with every node replaced."""
        return self.deltas([frozenset()])[0]

    @property
    def gaps(self) -> Float[Tensor, " batch"]:
        """m(all) − m(∅) of each prompt, of either sign."""
        return self.full - self.empty

    def deltas(self, kept: Sequence[Iterable[str]]) -> Float[Tensor, "set batch"]:
        """m(C) of each set of kept nodes."""
        sets = [frozenset(members) for members in kept]
        self._demand(sets)
        new = [members for members in dict.fromkeys(sets) if members not in self.known]
        if new:
            self.known.update(zip(new, self.read(new), strict=True))
        return torch.stack([self.known[members] for members in sets])

    def read(self, kept: Sequence[Iterable[str]]) -> Float[Tensor, "set batch"]:
        """The same, run again: as many sets in one pass as fit."""
        sets = [frozenset(members) for members in kept]
        size = self._at_once
        parts = [sets[start : start + size] for start in range(0, len(sets), size)]
        return torch.cat([self._run(part) for part in parts])

    def faithfulness(self, kept: Sequence[Iterable[str]]) -> list[float]:
        """f(C) of each set of kept nodes."""
        towards = ((self.deltas(kept) - self.empty) * self.gaps.sign()).sum(-1)
        return (towards / self.gaps.abs().sum()).tolist()

    @property
    def bound(self) -> float:
        """How far rounding may take two ways to the same Δ apart."""
        return tolerance(self.given.receiver.logits.dtype)

    @property
    def _at_once(self) -> int:
        tokens = self.given.receiver.tokens.ids.numel()
        return max(1, MAX_ENTRIES // (tokens * self.given.receiver.model.parts.d_model))

    def _run(self, sets: Sequence[Members]) -> Float[Tensor, "set batch"]:
        """One pass; a prompt's rows stand together, one for each set."""
        receiver = self.given.receiver
        tokens = receiver.tokens.repeat(len(sets))
        run = receiver.model.run(tokens, write=self._edits(sets), logits="last")
        return self.given.delta(run.final_logits.unflatten(0, (-1, len(sets)))).T

    def _edits(self, sets: Sequence[Members]) -> list[Edit]:
        """One edit per node, at the rows of all the sets without it."""
        prompts, edits = len(self.given.receiver.tokens.ids), []
        for node, site in zip(self.nodes, self.given.sites, strict=True):
            out = [i for i, members in enumerate(sets) if node not in members]
            if not out:
                continue
            places = [(prompt, i) for prompt in range(prompts) for i in out]
            rows = tuple(prompt * len(sets) + i for prompt, i in places)
            at, value = self._taken(site)
            edit = self.given.edit(at, value[[prompt for prompt, _ in places]])
            edits.append(replace(edit, rows=rows))
        return edits

    def _taken(self, site: Site) -> tuple[Site, Tensor]:
        """Where and what the donor gives: with one W_O a head's z does what its write does."""
        receiver, donor = self.given.receiver.model, self.given.donor
        same = donor.model.parts is receiver.parts and donor.model.adapter == receiver.adapter
        if site.kind != "head_out" or not same or donor.edited:
            return site, value_at(donor, site)
        z = Site("head_z", site.index)
        return z, donor[z]

    def _demand(self, sets: Sequence[Members]) -> None:
        unknown = sorted(set().union(*sets) - set(self.nodes))
        if unknown:
            raise InputError(
                f"{', '.join(unknown)} is none of the {len(self.nodes)} nodes of this search "
                f"({self.nodes[0]} ... {self.nodes[-1]}); name some of those."
            )
