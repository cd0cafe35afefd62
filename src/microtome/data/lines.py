"""JSONL as people write it: one object a line, blank lines allowed, every error with its line.

What JSON leaves open is refused, not guessed: a key given twice, NaN and infinities, halves of
surrogate pairs, control characters. A line is read up to a limit, so that no file fills the memory.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from microtome.characters import flaw
from microtome.errors import InputError, PromptError

LONGEST = 2**24
"""Characters that a line may have."""


def objects(path: Path, what: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of every line that is not blank; `what` a line is, for the errors.

    PromptError for a file that is missing, not UTF-8, not JSON, or holds something but objects.
    """
    called, noun = (f"{what} file", what) if what else ("file", "line")
    try:
        for number, line in lines(path, called):
            if line.strip():
                content = parsed(line, f"{path}, line {number}", noun)
                for text in _texts(content):
                    if problem := flaw(text):
                        raise InputError(f"{path}, line {number}: a text is refused: {problem}.")
                yield number, content
    except InputError as error:
        raise PromptError(str(error)) from None


def lines(path: Path, called: str) -> Iterator[tuple[int, str]]:
    """Number and text of every line; InputError for a file that cannot be read as UTF-8 text."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise InputError(
                        f"{path}, line {number}: the line is longer than {LONGEST:,} characters; "
                        f"write one object or text a line."
                    )
                yield number, line
    except FileNotFoundError:
        raise InputError(f"The {called} {path} does not exist.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {called} {path} is not UTF-8 text near line {number + 1} ({error.reason}); "
            f"convert it."
        ) from None
    except OSError as error:
        raise InputError(f"The {called} {path} cannot be read: {error.strerror}.") from None


def parsed(line: str, place: str, noun: str) -> dict[str, Any]:
    """The object in a line of JSON; InputError, naming the place, for anything else."""
    try:
        content = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"{place}: not valid JSON: {reason}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{place}: a {noun} is a JSON object in braces.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is given twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
