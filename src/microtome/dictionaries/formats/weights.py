"""Tensors from files, memory-mapped where the container allows, and nothing in them executed.

A safetensors file and an uncompressed .npz are mapped: pages are read when they are used. A .pt
file goes through PyTorch's weights-only unpickler, which knows tensors and refuses everything else.
"""

import math
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from microtome.errors import DictionaryError, first_line

COMPRESSED_LIMIT = 4 * 2**30
"""Bytes of a compressed array, which has to be unpacked into memory."""
_FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


@dataclass(frozen=True, eq=False)
class Weights:
    """The tensors of one file by name; asking for one says what is wrong with it."""

    path: Path
    tensors: Mapping[str, Tensor]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def matrix(self, *names: str) -> Tensor:
        """The first of these names, a matrix of floats."""
        return self._take(names, 2)

    def vector(self, *names: str) -> Tensor:
        """The first of these names, a vector of floats."""
        return self._take(names, 1)

    def optional(self, name: str, ndim: int) -> Tensor | None:
        """The same, or None where the file has no such tensor."""
        return self._take((name,), ndim) if name in self.tensors else None

    def number(self, name: str) -> float:
        """A tensor that holds one number."""
        if name not in self.tensors or self.tensors[name].numel() != 1:
            raise DictionaryError(f"{self.path} lacks the number {name!r}; {self._holds()}.")
        return float(self.tensors[name].item())

    def _take(self, names: tuple[str, ...], ndim: int) -> Tensor:
        found = next((self.tensors[name] for name in names if name in self.tensors), None)
        if found is None:
            raise DictionaryError(f"{self.path} lacks {names[0]!r}; {self._holds()}.")
        if found.ndim != ndim or not found.numel():
            kind = {1: "a vector", 2: "a matrix"}[ndim]
            raise DictionaryError(
                f"{self.path} has {names[0]} of shape {tuple(found.shape)} where {kind} is due; "
                f"it is damaged, or of another format."
            )
        if found.dtype not in _FLOATS:
            raise DictionaryError(
                f"{self.path} has {names[0]} in {found.dtype}; weights in float32, bfloat16, "
                f"float16 or float64 can be read."
            )
        return found.float() if found.dtype == torch.float64 else found

    def _holds(self) -> str:
        return f"it holds {', '.join(sorted(self.tensors)) or 'nothing'}"


def read_safetensors(path: Path) -> Weights:
    """Every tensor of a safetensors file, memory-mapped."""
    try:
        with safe_open(path, framework="pt") as file:
            return Weights(path, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, "safetensors file", error) from error


def read_npz(path: Path) -> Weights:
    """Every array of an .npz; those stored without compression are memory-mapped."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            arrays = {info.filename[:-4]: _array(path, archive, info) for info in members}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise _unreadable(path, ".npz archive of numbers", error) from error
    return Weights(path, {name: torch.from_numpy(array) for name, array in arrays.items()})


def _array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    with archive.open(info) as file:
        shape, fortran, dtype = _header(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects, which are never loaded")
        if dtype.kind not in "fiub" or dtype.byteorder == ">":
            raise ValueError(f"{info.filename} holds {dtype}, which is no number of this machine")
        _demand_size(info, file.tell(), math.prod(shape) * dtype.itemsize)
        if info.compress_type == zipfile.ZIP_STORED and 0 not in shape and shape:
            start = _content_start(path, info) + file.tell()
            order: Any = "F" if fortran else "C"
            return np.memmap(path, dtype, "c", offset=start, shape=shape, order=order)
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _header(file: Any) -> tuple[tuple[int, ...], bool, Any]:
    """(shape, column-major, dtype) as an array's header says, which may be a lie."""
    old = np.lib.format.read_magic(file) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if any(axis < 0 for axis in shape):
        raise ValueError(f"its header claims an array of shape {shape}")
    return shape, fortran, dtype


def _demand_size(info: zipfile.ZipInfo, header: int, claimed: int) -> None:
    """ValueError, before anything is allocated, for an array that the member cannot hold."""
    if claimed != info.file_size - header:
        raise ValueError(
            f"{info.filename} has a header that claims {claimed:,} bytes, and "
            f"{info.file_size - header:,} follow it"
        )
    if info.compress_type != zipfile.ZIP_STORED and claimed > COMPRESSED_LIMIT:
        raise ValueError(
            f"{info.filename} is compressed and claims {claimed:,} bytes; compressed arrays are "
            f"read up to {COMPRESSED_LIMIT:,} bytes, uncompressed ones (np.savez) at any size"
        )


def _content_start(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: after its local header, which has lengths of its own."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise ValueError("a member has no local header")
    lengths = (int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
    return info.header_offset + 30 + sum(lengths)


def read_torch(path: Path) -> Weights:
    """The state dict of a .pt file; one that holds anything but tensors is refused unexecuted."""
    try:
        mapped = zipfile.is_zipfile(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that are refused in a moment
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # the unpickler's own class lives in a module we never import
        raise DictionaryError(
            f"{path} is not a plain file of tensors (it is damaged, or a pickle that could run "
            f"code); nothing in it was executed. Save its state_dict instead."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise DictionaryError(f"{path} holds no state dict of tensors; save `ae.state_dict()`.")
    return Weights(path, {str(name): tensor for name, tensor in state.items()})


def _unreadable(path: Path, kind: str, error: Exception) -> DictionaryError:
    reason = "there is no such file" if isinstance(error, FileNotFoundError) else first_line(error)
    return DictionaryError(f"{path} cannot be read as a {kind}: {reason.rstrip('.')}.")
