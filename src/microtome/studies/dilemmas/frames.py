"""The rows of a table: the models that are there, the scenarios, and groups in their order."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.players import Player, players

if TYPE_CHECKING:
    import pandas as pd


def present(frame: "pd.DataFrame", study: Configuration) -> dict[str, Player]:
    """The compared models that a table has rows of, in the configuration's order."""
    there = set(frame["model"])
    return {name: player for name, player in players(study.models).items() if name in there}


def scenarios_in(frame: "pd.DataFrame") -> list[str]:
    """The scenarios of a table, in their order."""
    return list(dict.fromkeys(frame["scenario"]))


def groups(
    frame: "pd.DataFrame", *columns: str
) -> "Iterator[tuple[tuple[Any, ...], pd.DataFrame]]":
    """The rows of equal values in `columns`, with these values, in the order they are met."""
    for values, part in frame.groupby(list(columns), sort=False):
        yield (values if isinstance(values, tuple) else (values,)), part
