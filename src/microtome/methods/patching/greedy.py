"""The greedy flip search: patch ranked components one on top of the other until the answer flips.

    rank components by |Δ change| when patched alone; add them in that order, all patched together;
    stop when the sign of Δ differs from the receiver's, or after `max_components`

What it finds is a cut: enough of the donor's activations to turn the answer. It is no circuit:
one late component can carry everything that the others compute (`find_circuit` asks for that).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.exact import Patching, patch, patch_nodes
from microtome.methods.patching.rows import Node
from microtome.methods.patching.setting import Donor, donor_run, expanded
from microtome.methods.result import Result
from microtome.model.direction import Direction
from microtome.model.model import Model, Text
from microtome.model.site import Site

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class CircuitDiscovery(Result):
    """What the greedy search did on one prompt.

    `ranked_components` are (component, Δ change when patched alone), `minimal_circuit` those whose
    joint patch flipped the answer (empty if `max_components` did not), `trajectory` Δ after each
    one added, `patching` the single patches.
    """

    ranked_components: tuple[tuple[str, float], ...]
    minimal_circuit: tuple[str, ...]
    trajectory: tuple[float, ...]
    patching: Patching
    audit: tuple[Audit, ...]

    @property
    def flipped(self) -> bool:
        return bool(self.minimal_circuit)

    @property
    def all_patches(self) -> list[dict[str, Any]]:
        """Every single patch, in the columns of `Patching.rows`."""
        return self.patching.rows()

    def rows(self) -> list[dict[str, Any]]:
        """One line per component added: step, component, its own Δ change, Δ of all so far."""
        steps = zip(self.ranked_components, self.trajectory, strict=False)
        return [
            {"step": i, "component": name, "alone": alone, "patched_delta": delta,
             "flipped": (delta > 0) != (float(self.patching.baseline[0]) > 0)}
            for i, ((name, alone), delta) in enumerate(steps, start=1)
        ]  # fmt: skip

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k components ranked first."""
        return list(self.ranked_components[:k])


def greedy_flip(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Direction,
    *,
    max_components: int = 10,
    names: tuple[str, str] = ("minus", "plus"),
    max_rows: int = 12,
) -> CircuitDiscovery:
    """Patch one prompt's components, ranked, one on top of the other until its answer flips."""
    tokens = model.tokenize(text)
    if len(tokens.ids) != 1:
        raise InputError(f"The flip search takes one prompt and got {len(tokens.ids)}.")
    if max_components < 1:
        raise InputError(f"max_components is {max_components}; patch at least one component.")
    singles = expanded(model, sites)
    run = donor_run(model, tokens, donor, singles)
    alone = patch(model, tokens, run, singles, direction, names=names, max_rows=max_rows)
    order = alone.effects[0].abs().argsort(descending=True, stable=True).tolist()
    chosen = [singles[n] for n in order[:max_components]]
    nodes = [Node(f"first {size}", tuple(chosen[:size])) for size in range(1, len(chosen) + 1)]
    joint = patch_nodes(model, tokens, run, nodes, direction, max_rows=max_rows)
    before = float(alone.baseline[0]) > 0
    trajectory = joint.patched[0].tolist()
    flip = next((i for i, delta in enumerate(trajectory) if (delta > 0) != before), None)
    taken = [] if flip is None else chosen[: flip + 1]
    return CircuitDiscovery(
        ranked_components=tuple((alone.nodes[n], float(alone.effects[0, n])) for n in order),
        minimal_circuit=tuple(site.component for site in taken),
        trajectory=tuple(trajectory if flip is None else trajectory[: flip + 1]),
        patching=alone,
        audit=(*alone.audit, *joint.audit),
    )
