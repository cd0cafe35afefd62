"""Which format a folder holds, told by the names of its files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats import (
    circuit_tracer,
    dictionary_learning,
    gemma_scope,
    gemma_scope_2,
    ours,
    saelens,
    sparsify,
)
from microtome.dictionaries.formats.place import Place


@dataclass(frozen=True)
class Format:
    """A file format: what its file of weights is called, and what reads it."""

    name: str
    weights: str
    """Pattern of the file's name."""
    beside: tuple[str, ...]
    """Files of its folder that may tell how to read it."""
    read: Callable[[Place], Dictionary]


FORMATS = (
    Format(ours.NAME, ours.WEIGHTS, (ours.CONFIG,), ours.read),
    Format(saelens.NAME, saelens.WEIGHTS, (saelens.CONFIG, saelens.SCALER), saelens.read),
    Format(sparsify.NAME, sparsify.WEIGHTS, (sparsify.CONFIG,), sparsify.read),
    Format(gemma_scope.NAME, "params.npz", (), gemma_scope.read),
    Format(gemma_scope_2.NAME, "params.safetensors", (gemma_scope_2.CONFIG,), gemma_scope_2.read),
    Format(
        dictionary_learning.NAME,
        dictionary_learning.WEIGHTS,
        (dictionary_learning.CONFIG,),
        dictionary_learning.read,
    ),
    Format(
        circuit_tracer.NAME, circuit_tracer.WEIGHTS, (circuit_tracer.CONFIG,), circuit_tracer.read
    ),
)


@dataclass(frozen=True)
class Found:
    """A dictionary among a list of files: the path of its weights, and the format."""

    path: str
    format: Format

    @property
    def folder(self) -> str:
        parent = str(PurePosixPath(self.path).parent)
        return "" if parent == "." else parent


def format_of(file: str) -> Format | None:
    """The format whose files of weights are called so."""
    name = PurePosixPath(file).name
    return next((one for one in FORMATS if fnmatch(name, one.weights)), None)


def sniff(paths: Iterable[str]) -> list[Found]:
    """Every dictionary among these paths (with / between their parts), in their natural order."""
    found = [Found(path, one) for path in paths if (one := format_of(path)) is not None]
    return sorted(found, key=lambda one: _natural(one.path))


def _natural(path: str) -> list[tuple[int, str]]:
    """layer_9 before layer_10."""
    digits = "".join(c if c.isdigit() else f" {c} " for c in path).split()
    return [(int(part), "") if part.isdigit() else (-1, part) for part in digits]
