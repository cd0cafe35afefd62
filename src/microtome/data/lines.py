"""JSONL as people write it: one object a line, blank lines allowed, every error with its line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microtome.errors import PromptError


def objects(path: Path, what: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of every line that is not blank; `what` a line is, for the errors.

    PromptError for a file that is missing, not UTF-8, not JSON, or holds something but objects.
    """
    called = f"{what} file" if what else "file"
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise PromptError(f"The {called} {path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"The {called} {path} cannot be read: {error}.") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{path}, line {number}: not valid JSON: {error}.") from None
        if not isinstance(content, dict):
            noun = what or "line"
            raise PromptError(f"{path}, line {number}: a {noun} is a JSON object in braces.")
        yield number, content
