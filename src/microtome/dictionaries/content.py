"""The digest of a value by its content: every field, every item, every bit of every tensor.

`repr` abbreviates large tensors, so that two recipes with different teachers look alike to it.
Equal content gives the same digest in every process.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microtome.errors import ConfigError

_PLAIN = (bool, int, float, complex, str, bytes, np.generic, PurePath, torch.dtype, torch.device)


def content_digest(value: Any) -> str:
    """sha256 of dataclasses, mappings, sequences, sets, tensors, numbers and texts, nested at will.

    A dataclass counts with its class and all its fields. ConfigError for anything else, whose
    content is unknown here.
    """
    found = hashlib.sha256()
    for piece in _pieces(value):
        found.update(len(piece).to_bytes(8, "little"))
        found.update(piece)
    return found.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    """What the digest is taken of; every value begins with its kind and its size."""
    if value is None or isinstance(value, _PLAIN):
        yield f"{type(value).__name__} {value!r}".encode("utf-8", "backslashreplace")
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype.str} {value.shape}".encode()
        yield value.tobytes()
    elif isinstance(value, Tensor):
        yield f"tensor {value.dtype} {tuple(value.shape)}".encode()
        yield _bytes(value)
    elif is_dataclass(value) and not isinstance(value, type):
        held = fields(value)
        yield f"{type(value).__module__}.{type(value).__qualname__} {len(held)}".encode()
        for field in held:
            yield field.name.encode()
            yield from _pieces(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for key in sorted(value, key=content_digest):
            yield from _pieces(key)
            yield from _pieces(value[key])
    elif isinstance(value, Set):
        yield f"set {len(value)}".encode()
        yield from (digest.encode() for digest in sorted(map(content_digest, value)))
    elif isinstance(value, Sequence):
        yield f"sequence {len(value)}".encode()
        for item in value:
            yield from _pieces(item)
    else:
        raise ConfigError(
            f"A {type(value).__name__} stands in a recipe, and its content cannot be compared with "
            f"a checkpoint's; use numbers, texts, tensors, sequences, mappings or dataclasses."
        )


def _bytes(value: Tensor) -> bytes:
    flat = value.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
