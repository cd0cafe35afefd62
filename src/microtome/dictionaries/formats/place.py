"""Where a dictionary was found, as its format reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from microtome.dictionaries.dictionary import Origin
from microtome.errors import DictionaryError
from microtome.files import read_json_or_none, sha256_file


@dataclass(frozen=True)
class Place:
    """One file of weights: what was asked for, and the file."""

    source: str
    """The name as it was given: a path, a hub id with a folder, specimen:world/..."""
    file: Path
    revision: str = ""
    """The commit of a hub repository."""

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def trail(self) -> str:
        """The names on the way to the file; repository and folders tell a GemmaScope's site."""
        return f"{self.source}/{self.file.as_posix()}".replace("--", "/")

    def config(self, name: str, *, needed: bool = True) -> dict[str, Any]:
        """The JSON object in a file beside the weights; {} where it may be absent and is."""
        path = self.folder / name
        if not path.is_file():
            if needed:
                raise DictionaryError(
                    f"{self.folder} has {self.file.name} and no {name}, which says how to read it; "
                    f"fetch that file too."
                )
            return {}
        found = read_json_or_none(path)
        if not isinstance(found, dict):
            raise DictionaryError(f"{path} holds no JSON object; fetch the file again.")
        return found

    def origin(
        self, format: str, model: str = "", facts: Mapping[str, Any] | None = None
    ) -> Origin:
        """Its origin, with the sha256 of the file of weights."""
        known = dict(facts or {}) | ({"revision": self.revision} if self.revision else {})
        digest = _sha256(self.file, self.file.stat().st_size, self.file.stat().st_mtime_ns)
        return Origin(self.source, format, digest, model, known)


def section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object inside a configuration; {} where there is none, or something else."""
    found = config.get(name)
    return dict(found) if isinstance(found, Mapping) else {}


def whole(value: Any) -> int | None:
    """A whole number as it is, anything else as None (True is none in JSON)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, changed: int) -> str:
    return sha256_file(path)
