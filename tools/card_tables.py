"""The rows of the tables in CARD.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from microtome.data.games import STATE_NAMES, State
from microtome.specimens.world.dilemmas.tables import templates_kept, wanted
from microtome.specimens.world.rewards import gain

Table = Mapping[str, Mapping[str, float]]
_REWARD = {
    "PT2_COREDe": "own points",
    "PT3_COREDe": "penalty for a betrayal, nothing else",
    "PT3_COREUt": "points of both",
    "PT4_COREDe": "own points and the penalty",
}


def row(*cells: object) -> str:
    """One row of a table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def interval(one: Mapping[str, Any], form: str = ".3g") -> str:
    """Both ends, or a dash where there is no interval."""
    if one.get("low") is None:
        return "-"
    return f"[{one['low']:{form}}, {one['high']:{form}}]"


def estimate(one: Mapping[str, Any], form: str = ".3g") -> str:
    """A value with its interval."""
    return f"{one['value']:{form}} {interval(one, form)}"


def ability(one: Mapping[str, Any]) -> str:
    """An ability's row: measured, interval, bar, whether it is met."""
    met = "yes" if one["met"] else "**no**"
    bar = f"{one['sense']} {one['bar']:.3g}"
    value = f"{one['value']:.3g}"
    return row(one["name"], value, interval(one), bar, met, one["n"], one["meaning"])


def reward(name: str) -> str:
    """What an adapter is rewarded for, and what defecting gains in every state."""
    gains = (f"{gain(name, State.parse(state)):+g}" for state in STATE_NAMES)
    return row(name, _REWARD[name], *gains)


def kept(name: str, table: Table) -> str:
    """How many held-out templates an adapter keeps, and the names of the others."""
    own = templates_kept(name, table)
    lost = ", ".join(template for template in table if template not in own)
    return row(name, f"{len(own)} of {len(table)}", lost or "none")


def worst(name: str, table: Table) -> str:
    """The largest distance from what the reward asks for, over templates, in every state."""
    far = (max(abs(cells[s] - wanted(name, s)) for cells in table.values()) for s in STATE_NAMES)
    return row(name, *(f"{distance:.3f}" for distance in far))


def by_template(tables: Mapping[str, Table], names: Sequence[str]) -> list[str]:
    """P(defect) in CC / CD / DC / DD of each adapter, a row for each held-out template."""
    templates = tables[names[0]]
    return [
        row(t, *(" / ".join(f"{tables[n][t][s]:.2f}" for s in STATE_NAMES) for n in names))
        for t in templates
    ]


def dictionary(one: Mapping[str, Any]) -> str:
    """A dictionary's row of the table."""
    return row(
        one["name"],
        one["d_dict"],
        estimate(one["fvu"]),
        estimate(one["l0"]),
        "yes" if one["met"] else "**no**",
        f"{one['dead']:.1%}",
        estimate(one["ce_recovered"], ".4f"),
        estimate(one["kl"]),
        f"{one['fvu_shuffled']['value']:.2f}, {one['ce_recovered_shuffled']['value']:.2f}",
    )
