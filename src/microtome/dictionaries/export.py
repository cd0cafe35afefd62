"""Write a dictionary for other libraries."""

from collections.abc import Callable
from pathlib import Path

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats import circuit_tracer, ours, saelens_writer
from microtome.errors import DictionaryError, suggest

WRITERS: dict[str, Callable[[Dictionary, Path], None]] = {
    "ours": ours.write,
    "saelens": saelens_writer.write,
    "circuit-tracer": circuit_tracer.write,
}


def export(dictionary: Dictionary, folder: str | Path, format: str) -> Path:
    """Write `dictionary` into `folder` as "saelens" (version 6), "circuit-tracer" or "ours".

    DictionaryError names what the format cannot express, and nothing is written then.
    """
    if format not in WRITERS:
        raise DictionaryError(f"No format {format!r} to write.{suggest(format, WRITERS)}")
    WRITERS[format](dictionary, Path(folder))
    return Path(folder)
