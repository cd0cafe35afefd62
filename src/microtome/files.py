"""Everything that touches the disk: atomic writes, hashes and paths that stay in their folder.

A file is written under a temporary name, fsynced, renamed over its own name, and its folder is
fsynced: after a crash one finds the old content or the new one, never a part of either.
YAML is read by `microtome.yaml`, a stricter loader than PyYAML's own.
"""

import errno
import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microtome.errors import RunError
from microtome.yaml import YamlFile, load_yaml

__all__ = [
    "YamlFile",
    "append_jsonl",
    "clear_temporaries",
    "digest",
    "encodable",
    "inside",
    "load_yaml",
    "make_folder",
    "read_json",
    "read_json_or_none",
    "read_jsonl",
    "safe_name",
    "sha256",
    "sha256_file",
    "strict_json",
    "writable",
    "write_atomic",
    "write_json",
]

_TEMPORARY = ".tmp"
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""What a file system answers that cannot fsync a folder."""


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path` completely or not at all; durable when this returns."""
    make_folder(path.parent)
    temporary = path.parent / f".{uuid.uuid4().hex}{_TEMPORARY}"
    try:
        _write_synced(temporary, content, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_synced(path: Path, content: bytes, flags: int) -> None:
    # Windows would write "\r\n" for "\n" without the flag, which other systems do not have.
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make new names in `folder` durable, where the system can: Windows opens no folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create `folder` with its parents, each one durable; an existing folder is fine."""
    if not folder.is_dir():
        if folder.parent != folder:
            make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)
    return folder


def clear_temporaries(folder: Path) -> None:
    """Remove what killed writers left below `folder`; call it only while holding its lock."""
    for path in folder.rglob(f".*{_TEMPORARY}"):
        path.unlink(missing_ok=True)


def strict_json(value: Any) -> Any:
    """`value` in JSON's own types: tuples to lists, NaN and infinities to null, numpy to Python."""
    if isinstance(value, dict):
        return {str(key): strict_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict_json(item) for item in value]
    if hasattr(value, "tolist"):
        return strict_json(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable strict JSON, atomically."""
    text = json.dumps(strict_json(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, (text + "\n").encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> Any:
    """The JSON in `path`; RunError names a file that is missing or is not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} does not exist.") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}.") from None


def read_json_or_none(path: Path) -> Any:
    """The JSON in `path`, or None when the file is missing or damaged."""
    try:
        return read_json(path)
    except RunError:
        return None


def append_jsonl(path: Path, row: dict[str, Any]) -> None:
    """Append one line, fsynced; a line that a crash has torn is ended first."""
    line = json.dumps(strict_json(row), ensure_ascii=False).encode("utf-8", "backslashreplace")
    prefix = b"\n" if _ends_torn(path) else b""
    _write_synced(path, prefix + line + b"\n", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _ends_torn(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of an append-only log; the ones torn by a crash are left out."""
    for line in path.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def sha256(content: bytes) -> str:
    """Hex digest of `content`."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex digest of the file's content, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Hex digest of a JSON-able value: the same for equal values, whatever the order of keys."""
    text = json.dumps(strict_json(value), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode())


def encodable(text: str) -> str:
    """`text` with lone surrogates, which no encoding can write, spelt out as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def safe_name(text: str) -> str:
    """`text` as a file name: itself if harmless, else cleaned and made unique by a short hash."""
    clean = re.sub(r"[^A-Za-z0-9_+=.-]+", "_", text)[:80].lstrip(".")
    if clean == text and clean:
        return text
    return f"{clean.strip('_') or 'name'}-{sha256(text.encode('utf-8', 'surrogatepass'))[:8]}"


def inside(folder: Path, name: str) -> Path:
    """`folder / name`, refused with RunError when it would lie outside `folder`."""
    path = folder / name
    try:
        stays = "\0" not in name and path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead in a circle
        stays = False
    if not stays:
        raise RunError(f"{name!r} leads out of the run folder {folder}; nothing was touched.")
    return path


def writable(folder: Path, flag: str = "--output-dir") -> Path:
    """`folder`, created if need be; RunError, naming the flag, when nothing can be written."""
    probe = folder / f".{uuid.uuid4().hex}{_TEMPORARY}"
    try:
        make_folder(folder)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"Cannot write to {folder} ({reason.lower()}); choose another place with {flag}."
        ) from None
    return folder
