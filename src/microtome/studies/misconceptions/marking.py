"""Marks on what random directions made, so that none of it passes for a trained feature's."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from microtome.lab.claims import Claim
from microtome.lab.figures import Figure
from microtome.lab.study import Finding, Tables

F = TypeVar("F", bound=Figure)


def stand_in_of(tables: Tables) -> str:
    """What stands in place of trained dictionaries, empty where nothing does."""
    origins = set(tables["features_dictionaries"]["stand_in"]) - {""}
    return next(iter(origins), "")


def named(findings: Sequence[Finding], stand_in: str) -> list[Finding]:
    """The findings of a step that rests on dictionaries, each with the stand-in if there is one."""
    if not stand_in:
        return list(findings)
    mark = f" The features are {stand_in}."
    return [
        replace(one, answer=one.answer + mark, claim=one.claim and _named(one.claim, mark))
        for one in findings
    ]


def _named(claim: Claim, mark: str) -> Claim:
    above, below = (text and text + mark for text in (claim.above, claim.below))
    return replace(claim, above=above, below=below)


def marked(figures: Sequence[Figure], stand_in: str) -> list[Figure]:
    """The figures, with the stand-in in names, titles and captions where there is one."""
    if not stand_in:
        return list(figures)
    return [
        replace(
            one,
            name=f"{one.name}_random_dictionary",
            title=f"{one.title} (RANDOM DIRECTIONS)",
            caption=f"The features are {stand_in}. {one.caption}",
        )
        for one in figures
    ]
