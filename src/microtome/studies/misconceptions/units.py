"""Pieces of work: a few pairs each."""

from collections.abc import Sequence
from itertools import zip_longest

from microtome.lab.study import Unit
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.material import factor_pairs, of_role, pairs_of
from microtome.studies.misconceptions.pairs import FACTORS, Pair, Role

ROLES: tuple[Role, ...] = ("select", "test", "extra")


def pair_units(study: Configuration) -> list[Unit]:
    """Units of one role with about `max_rows` prompts, the roles in turn.

    So the first two, which a dry run does, are one to select on and one to test on.
    """
    return _in_turn(pairs_of(study), ROLES, study)


def factor_units(study: Configuration) -> list[Unit]:
    """The same of the pairs that tell the factors apart; none where there are no such pairs."""
    return _in_turn(factor_pairs(study), FACTORS, study)


def _in_turn(pairs: Sequence[Pair], roles: Sequence[Role], study: Configuration) -> list[Unit]:
    size = max(1, study.max_rows // 2)
    by_role = [_units(role, of_role(pairs, role), size) for role in roles]
    return [unit for turn in zip_longest(*by_role) for unit in turn if unit is not None]


def _units(role: Role, pairs: Sequence[Pair], size: int) -> list[Unit]:
    parts = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    return [
        Unit(f"{role}/{number}", {"prompts": rows(part)})
        for number, part in enumerate(parts, start=1)
    ]


def rows(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Both members of every pair, in turn, as JSON."""
    return [prompt.row() for pair in pairs for prompt in pair.members]
