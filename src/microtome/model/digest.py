"""The digest of a folder that a model, its tokenizer or an adapter is read from.

Every file beside the configuration counts, because libraries read more of them than one would
list: merges, vocabularies, SentencePiece and tiktoken models, chat templates (also those in
`additional_chat_templates`), generation settings, every shard, custom code. Only what is never
read is left out: hidden files, documents, and weights in formats that are refused (pickles) or
belong to other libraries.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

NEVER_READ = frozenset(
    {".md", ".rst", ".pdf", ".png", ".jpg", ".log", ".lock"}
    | {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack", ".onnx", ".gguf", ".tflite"}
)
SAFE = ".safetensors"
TEMPLATES = ("additional_chat_templates/*.jinja", "chat_templates/*.jinja")


def folder_digest(folder: Path) -> str:
    """sha256 over the names and contents of everything that is read from a folder."""
    return _digest(folder, files_read(folder))


def weights_digest(folder: Path) -> str:
    """The same over its weights alone: equal for one model under two tokenizers."""
    return _digest(folder, weights_read(folder))


def weights_read(folder: Path) -> list[Path]:
    """The files of weights in a folder, in order."""
    return [path for path in files_read(folder) if path.suffix == SAFE]


def files_read(folder: Path) -> list[Path]:
    """The files that models, tokenizers and adapters in this folder are read from, in order."""
    beside = {path for path in folder.iterdir() if _counts(path)}
    named = {folder / name for index in folder.glob(f"*{SAFE}.index.json") for name in _of(index)}
    templates = {path for pattern in TEMPLATES for path in folder.glob(pattern)}
    return sorted(path for path in beside | named | templates if path.is_file())


def _counts(path: Path) -> bool:
    return not path.name.startswith((".", "LICENSE")) and path.suffix.lower() not in NEVER_READ


def _of(index: Path) -> set[str]:
    """The shards that an index names; a damaged index names none, and loading refuses it."""
    try:
        return set(map(str, json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def _digest(folder: Path, files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        stat = path.stat()
        content = _content(path, stat.st_size, stat.st_mtime_ns)
        total.update(f"{os.path.relpath(path, folder)}:{content}\n".encode())
    return total.hexdigest()


@lru_cache(maxsize=1024)
def _content(path: Path, size: int, changed: int) -> str:
    """sha256 of one file, read once as long as its size and time of change stay."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
