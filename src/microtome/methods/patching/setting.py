"""Who receives and who gives: two runs of equal shape, the nodes exchanged, the Δ that is read.

Denoising and noising are the same exchange seen from either side: with a corrupt receiver and a
clean donor an effect says what suffices, with a clean receiver and a corrupt donor what is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from microtome.errors import InputError
from microtome.methods.readout import delta_of_logits
from microtome.model.direction import Direction
from microtome.model.edit import Edit, RawReplace, Replace
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import Site
from microtome.model.tokens import Tokens

Donor = Run | Model | Text
Directions = Direction | Sequence[Direction]


@dataclass(frozen=True, eq=False)
class Setting:
    """A receiver and a donor run that read `sites`, and one direction, or one per row."""

    receiver: Run
    donor: Run
    sites: tuple[Site, ...]
    direction: Directions
    positions: tuple[int, ...] | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(site.component for site in self.sites)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of every row."""
        return each(self.direction, len(self.receiver.tokens.ids))

    @property
    def where(self) -> Bool[Tensor, "batch pos 1"]:
        """The positions that are exchanged."""
        return self.receiver.tokens.select(self.positions, None)[..., None]

    @property
    def same_inputs(self) -> bool:
        """Whether both runs read the same tokens (two models, or an edited donor)."""
        return torch.equal(self.receiver.tokens.ids, self.donor.tokens.ids)

    def delta(self, logits: Tensor) -> Tensor:
        """Δ "batch *any" from logits "batch *any vocab", each row's own; differentiable."""
        return deltas(logits, self.direction)

    def difference(self, site: Site) -> Float[Tensor, "batch pos d"]:
        """Donor's minus receiver's activation, 0 where nothing is exchanged; fp32."""
        gap = value_at(self.donor, site).float() - value_at(self.receiver, site).float()
        return gap * self.where.to(gap.device)

    def edit(self, site: Site, value: Tensor) -> Edit:
        """`value` put at a site, where the setting exchanges; a head's before any post-norm."""
        kind = RawReplace if site.kind == "head_out" else Replace
        return kind(site, value, positions=self.positions)


def setting(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    positions: tuple[int, ...] | None = None,
) -> Setting:
    """Run both sides; `donor` is a Run that read the sites, another Model, or prompts."""
    singles = expanded(model, sites)
    receiver = model.run(text, read=singles, logits="last")
    run = donor_run(model, receiver.tokens, donor, singles)
    each(direction, len(receiver.tokens.ids))
    return Setting(receiver, run, tuple(singles), direction, positions)


def expanded(model: Model, sites: Site | Sequence[Site]) -> list[Site]:
    """Every single site that is named, in order."""
    asked = [sites] if isinstance(sites, Site) else list(sites)
    if not asked:
        raise InputError("No site was given to exchange; give for example head_out[:, :].")
    return [single for site in asked for single in site.expand(model.parts.sizes)]


def donor_run(model: Model, tokens: Tokens, donor: Donor, sites: Sequence[Site]) -> Run:
    """The donor's run, of the receiver's shape; InputError if it has another one."""
    if isinstance(donor, Run):
        run = donor
    elif isinstance(donor, Model):
        run = donor.run(tokens, read=sites, logits="last")
    else:
        run = model.run(donor, read=sites, logits="last")
    same_shape = run.tokens.ids.shape == tokens.ids.shape
    if not same_shape or not torch.equal(run.tokens.mask, tokens.mask):
        raise InputError(
            f"The donor has {tuple(run.tokens.ids.shape)} (rows, tokens) and the receiver "
            f"{tuple(tokens.ids.shape)}; patching goes position by position, so give prompts of "
            f"equal length."
        )
    return run


def value_at(run: Run, site: Site) -> Tensor:
    """What a node puts out; of a head its write before any post-norm."""
    return run.head_write(site) if site.kind == "head_out" else run[site]


def deltas(logits: Tensor, direction: Directions) -> Tensor:
    """Δ "batch *any" from logits "batch *any vocab", along one direction or one per row.

    The result is small and always on the CPU, whatever devices the model is spread over.
    """
    if isinstance(direction, Direction):
        return delta_of_logits(logits, direction).cpu()
    pairs = zip(logits, direction, strict=True)
    return torch.stack([delta_of_logits(row, own) for row, own in pairs]).cpu()


def each(direction: Directions, rows: int) -> tuple[Direction, ...]:
    """The direction of each row; InputError unless every one reads tokens."""
    one = isinstance(direction, Direction)
    if isinstance(direction, str) or not isinstance(direction, Direction | Sequence):
        Direction.demand(direction, "unembedding", "patching")
    every = (direction,) * rows if isinstance(direction, Direction) else tuple(direction)
    if len(every) != rows:
        raise InputError(f"{rows} prompts were given with {len(every)} directions; give one each.")
    for own in every[:1] if one else every:
        Direction.demand(own, "unembedding", "patching")
        if not own.tokens:
            raise InputError(f"{own.label!r} names no tokens; build it with model.direction(...).")
    return every
