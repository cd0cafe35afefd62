"""Figures of circuits: what each member is worth to the circuit it is in."""

from microtome.lab.figures import BarGroup, Bars, Figure
from microtome.lab.study import Tables
from microtome.studies.dilemmas.players import players


def circuit_figures(tables: Tables) -> list[Figure]:
    """One figure per pair whose circuit was found."""
    lines = tables["circuits_summary"].to_dict("records")
    figures: list[Figure] = []
    for line in lines:
        source, target, pair = line["source"], line["target"], line["pair"]
        rows = tables["circuits"][tables["circuits"]["pair"] == pair]
        if rows["loss"].isna().all():
            continue
        ordered = rows.sort_values("loss", ascending=False)
        figures.append(
            Bars(
                f"circuit_discovery_{source}_to_{target}",
                f"The components that carry the gap together: {pair}",
                f"Share of the gap that is lost when one of the {len(rows)} components goes back "
                f"to the receiver's activation; all of them together carry "
                f"{line['faithfulness']:.0%} of the gap. Measured on {line['n_held_out']} "
                f"wordings that the search did not see.",
                list(ordered["component"]),
                [BarGroup(pair, ordered["loss"].tolist(), colour=players([source])[source].colour)],
                "share of the gap lost without it",
                "component",
            )
        )
    return figures
