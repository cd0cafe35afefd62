"""Unit files: the product of one unit, checkable on its own.

A file holds the sha256 of what follows, a newline, then a safetensors blob: the arrays, and as
metadata the unit's key, its tables and audits. A flipped bit, a cut tail or a file put under
another's name is noticed on reading. The same product always gives the same bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from microtome import files
from microtome.audit import Audit
from microtome.errors import RunError
from microtome.lab.study import Product, Step, Study, Unit

SCHEMA = 1
_DIGEST_LENGTH = 64


def unit_key(study: Study, provenance: Mapping[str, Any], step: Step, unit: Unit) -> str:
    """Hash of all that the unit's product depends on."""
    read = {*step.reads, "device", "dtype"}
    unknown = read - set(type(study).model_fields)
    if unknown:
        raise ValueError(f"step {step.name!r} reads {sorted(unknown)}, no fields of the study")
    return files.digest(
        {
            "schema": SCHEMA,
            "study": study.name,
            "step": step.name,
            "version": step.version,
            "provenance": provenance,
            "configuration": study.model_dump(mode="json", include=read),
            "inputs": dict(unit.inputs),
        }
    )


def pack(key: str, unit: Unit, product: Product) -> bytes:
    """The bytes of a unit file."""
    text = {
        "key": key,
        "unit": unit.name,
        "tables": json.dumps({name: _plain(rows) for name, rows in product.tables.items()}),
        "audits": json.dumps([_plain(audit.row()) for audit in product.audits]),
    }
    arrays = {name: np.ascontiguousarray(product.arrays[name]) for name in sorted(product.arrays)}
    blob = safetensors.numpy.save(arrays, {"unit": json.dumps(text)})
    return files.sha256(blob).encode() + b"\n" + blob


def unpack(content: bytes, key: str) -> Product:
    """The product in a unit file; RunError when the bytes are not those that were written."""
    stated, blob = content[:_DIGEST_LENGTH], content[_DIGEST_LENGTH + 1 :]
    if (
        content[_DIGEST_LENGTH : _DIGEST_LENGTH + 1] != b"\n"
        or stated != files.sha256(blob).encode()
    ):
        raise RunError("its bytes do not have the hash they were written with")
    text = _metadata(blob)
    if text["key"] != key:
        raise RunError(f"it holds unit {text['unit']!r}, another one's product")
    return Product(
        tables=json.loads(text["tables"]),
        # safetensors hands tensors out in the order of a hash, which differs between processes.
        arrays=dict(sorted(safetensors.numpy.load(blob).items())),
        audits=tuple(Audit.from_row(row) for row in json.loads(text["audits"])),
    )


def _metadata(blob: bytes) -> dict[str, str]:
    # safetensors gives metadata only for a file on disk; its header is a length and JSON.
    length = int.from_bytes(blob[:8], "little")
    return json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["unit"])


def _plain(value: Any) -> Any:
    """Rows with numpy scalars as Python's; a NaN stays one, so that the loop can flag it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def read_unit(path: Path, key: str) -> Product | None:
    """The product at `path`, None if there is none; RunError names a damaged file."""
    try:
        return unpack(path.read_bytes(), key)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from None
    except RunError as error:
        raise RunError(f"{path} is damaged: {error}.") from None
