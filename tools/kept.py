"""A measurement that is made once: kept on disk until what it was made of changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from microtome import files


def kept(path: Path, made_of: Any, make: Callable[[], Any]) -> Any:
    """What `make()` gives, as JSON: read from `path` where it was made of the same before."""
    key = files.digest(made_of)
    found = files.read_json_or_none(path) or {}
    if found.get("key") != key:
        files.write_json(path, {"key": key, "value": make()})
        found = files.read_json(path)
    return found["value"]
