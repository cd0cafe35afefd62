"""Numbers that a caller gives: whole ones stay whole, and True is no number."""

from collections.abc import Iterable
from operator import index
from typing import Any

from microtome.errors import InputError, PromptError


def whole(value: Any) -> int | None:
    """The value as an integer (numpy's and torch's too), or None if it is none or a bool."""
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        return None
    try:
        return index(value)
    except (TypeError, ValueError):
        return None


def token_ids(values: Iterable[Any], prompt: int = 1) -> list[int]:
    """The ids of a prompt; PromptError for one that is no integer, never a truncated number."""
    found = []
    for value in values:
        if (number := whole(value)) is None:
            raise PromptError(
                f"Prompt {prompt} holds {value!r} as a token id; give whole numbers, or text to "
                f"be encoded."
            )
        found.append(number)
    return found


def seed_of(value: Any) -> int:
    """A seed of a random number generator; InputError unless it is a whole number from 0 on."""
    number = whole(value)
    if number is None or number < 0:
        raise InputError(f"The seed {value!r} is no whole number from 0 on; use for example 42.")
    return number
