"""Corpora from disk, one document at a time.

    .jsonl, .ndjson     one JSON object a line, its text in one named field ("text")
    a folder            a dataset that Hugging Face `datasets` saved with save_to_disk
    anything else       plain text: blank lines separate the documents; in a file without blank
                        lines every line is one

Documents without a letter are left out. Whatever is wrong is named with file and line.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from microtome.data.lines import lines, parsed
from microtome.errors import InputError, first_line, suggest

_JSONL = (".jsonl", ".ndjson")


def read_texts(path: str | Path, limit: int | None = None, *, field: str = "text") -> list[str]:
    """The documents of a file or dataset folder, the first `limit` of them; InputError if none."""
    if limit is not None and limit < 1:
        raise InputError(f"{limit} texts of {path} were asked for; ask for at least 1.")
    found = list(islice(stream_texts(path, field=field), limit))
    if not found:
        raise InputError(f"{path} holds no text; give one document a line.")
    return found


def stream_texts(path: str | Path, *, field: str = "text") -> Iterator[str]:
    """The same one by one, for corpora that do not fit into memory."""
    place = Path(path)
    if place.is_dir():
        documents = _dataset(place, field)
    elif place.suffix.lower() in _JSONL:
        documents = _objects(place, field)
    else:
        documents = _plain(place)
    return (text for text in documents if text.strip())


def _lines(path: Path) -> Iterator[str]:
    return (line for _, line in lines(path, "file of texts"))


def _plain(path: Path) -> Iterator[str]:
    paragraphs = _has_gap(_lines(path))
    if not paragraphs:
        yield from (line.rstrip("\r\n") for line in _lines(path))
        return
    held: list[str] = []
    for line in _lines(path):
        if line.strip():
            held.append(line)
        else:
            yield "".join(held).rstrip()
            held = []
    yield "".join(held).rstrip()


def _has_gap(lines: Iterable[str]) -> bool:
    """Whether a blank line stands between two that are not."""
    begun = gap = False
    for line in lines:
        blank = not line.strip()
        if gap and not blank:
            return True
        begun, gap = begun or not blank, blank and begun
    return False


def _objects(path: Path, field: str) -> Iterator[str]:
    for number, line in lines(path, "file of texts"):
        if line.strip():
            place = f"{path}, line {number}"
            yield _text(parsed(line, place, "document"), field, place)


def _dataset(folder: Path, field: str) -> Iterator[str]:
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(part.name for part in folder.iterdir() if part.is_dir())
        raise InputError(
            f"{folder} is a dataset with the splits {', '.join(splits)}; name one of them: "
            f"{folder / splits[0] if splits else folder}."
        )
    if not (folder / "dataset_info.json").is_file():
        raise InputError(
            f"{folder} is a folder and holds no dataset saved by `datasets`; name a JSONL or text "
            f"file, or a folder made by save_to_disk."
        )
    try:
        from datasets import load_from_disk
    except ImportError:
        raise InputError(
            f"{folder} is a Hugging Face dataset, which the package `datasets` reads; install it: "
            f"pip install 'microtome[texts]'."
        ) from None
    try:
        rows = load_from_disk(str(folder))
    except Exception as error:  # that library's own errors have no common base
        raise InputError(f"{folder} cannot be read as a dataset: {first_line(error)}.") from None
    if field not in rows.column_names:
        raise InputError(f"{folder} has no column {field!r}.{suggest(field, rows.column_names)}")
    for number, row in enumerate(rows):
        yield _text(row, field, f"{folder}, row {number}")


def _text(content: dict[str, Any], field: str, place: str) -> str:
    if field not in content:
        raise InputError(f"{place}: there is no field {field!r}.{suggest(field, content)}")
    text = content[field]
    if not isinstance(text, str):
        raise InputError(
            f"{place}: the field {field!r} holds {type(text).__name__}, not a text in quotes."
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{place}: the field {field!r} holds half of a surrogate pair, which is no character; "
            f"take it out."
        ) from None
    return text
