"""Write a dictionary for other libraries."""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats import circuit_tracer, ours, saelens_writer
from microtome.dictionaries.formats.table import sniff
from microtome.errors import DictionaryError, suggest

WRITERS: dict[str, Callable[[Dictionary, Path], None]] = {
    "ours": ours.write,
    "saelens": saelens_writer.write,
    "circuit-tracer": circuit_tracer.write,
}


def export(dictionary: Dictionary, folder: str | Path, format: str) -> Path:
    """Write `dictionary` into `folder` as "saelens" (version 6), "circuit-tracer" or "ours".

    DictionaryError names what the format cannot express, or the dictionary that is in the way (a
    circuit-tracer set takes further layers); nothing is written then.
    """
    if format not in WRITERS:
        raise DictionaryError(f"No format {format!r} to write.{suggest(format, WRITERS)}")
    _demand_room(dictionary, Path(folder), format)
    WRITERS[format](dictionary, Path(folder))
    return Path(folder)


def _demand_room(dictionary: Dictionary, folder: Path, format: str) -> None:
    """No file of another dictionary is overwritten, nor two dictionaries put into one folder."""
    files = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    taken = [one.path for one in sniff(files)]
    if format == "circuit-tracer":
        layer = None if dictionary.site_in is None else dictionary.site_in.layer
        mine = [name for name in taken if fnmatch(name, circuit_tracer.WEIGHTS)]
        taken = [name for name in taken if name not in mine or name == f"layer_{layer}.safetensors"]
    if taken:
        raise DictionaryError(
            f"{folder} holds a dictionary already ({taken[0]}); choose another folder."
        )
