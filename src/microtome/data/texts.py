"""Corpora from disk, one document at a time.

    .jsonl, .ndjson     one JSON object a line, its text in one named field ("text")
    a folder            a dataset that Hugging Face `datasets` saved with save_to_disk
    anything else       plain text: blank lines separate the documents; in a file without blank
                        lines every line is one

Documents without a letter are left out. Whatever is wrong is named with file and line.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from microtome.errors import InputError, first_line, suggest

_JSONL = (".jsonl", ".ndjson")


def read_texts(path: str | Path, limit: int | None = None, *, field: str = "text") -> list[str]:
    """The documents of a file or dataset folder, the first `limit` of them; InputError if none."""
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
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007
                yield line
    except FileNotFoundError:
        raise InputError(f"The file of texts {path} does not exist.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text near line {number + 1} ({error.reason}); convert it, or "
            f"name a JSONL file or a dataset folder."
        ) from None
    except OSError as error:
        raise InputError(f"The file of texts {path} cannot be read: {error}.") from None


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
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not valid JSON: {error}.") from None
        if not isinstance(content, dict):
            raise InputError(f"{path}, line {number}: a document is a JSON object in braces.")
        yield _text(content, field, f"{path}, line {number}")


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
    return text
