"""Activations on disk: raw bf16 or fp32 files, memory-mapped, with a manifest; capture resumes.

    folder/manifest.json                 model, sites, widths, texts, what was left out, sha256
    folder/00000.resid_post_2.bin        "tokens d" of one shard at one site, row after row

A shard counts once the manifest names it, which is written after its files; so a killed capture,
started again, computes only the missing shards and ends with the same files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from microtome import files
from microtome.dictionaries.activations import Batch, cut, identity, precision
from microtome.dictionaries.harvest import Block, Rows, harvest, single_sites, windows
from microtome.errors import ConfigError, RunError
from microtome.model.model import Model
from microtome.model.site import Site, parse_site

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
_MANIFEST = "manifest.json"
Seen = Callable[[int, int], object]


@dataclass(frozen=True, eq=False)
class Shards:
    """Captured activations; a round is `mix` shards in a random order of their own."""

    folder: Path
    sites: tuple[Site, ...]
    manifest: Mapping[str, Any] = field(repr=False)
    mix: int = 4

    @property
    def model(self) -> str:
        return str(self.manifest["identity"]["model"])

    @property
    def digest(self) -> str:
        return files.digest([self.manifest["identity"], self.manifest["shards"], self.mix])

    @property
    def tokens(self) -> int:
        """Kept tokens over all shards."""
        return sum(int(shard["tokens"]) for shard in self.manifest["shards"])

    def round(self, number: int, sites: Sequence[Site]) -> Batch:
        """The activations of the next shards; every epoch has its own order."""
        chosen = self._chosen(number)
        return {site: torch.cat([self.read(i, site) for i in chosen]) for site in sites}

    def place(self, number: int, row: int, site: Site) -> str:
        for shard in self._chosen(number):
            entry = self.manifest["shards"][shard]
            if row < int(entry["tokens"]):
                return f"row {row} of {self.folder / _file(entry['name'], site)}"
            row -= int(entry["tokens"])
        raise ValueError(f"round {number} has no such row")

    def _chosen(self, number: int) -> list[int]:
        """The shards of a round."""
        shards = list(range(len(self.manifest["shards"])))
        rounds = -(-len(shards) // self.mix)
        random.Random(number // rounds).shuffle(shards)
        at = (number % rounds) * self.mix
        return shards[at : at + self.mix]

    def read(self, shard: int, site: Site) -> Tensor:
        """One shard at one site, "tokens d", memory-mapped; RunError if its file is cut short."""
        entry = self.manifest["shards"][shard]
        width, name = self.manifest["widths"][str(site)], self.manifest["identity"]["dtype"]
        path = self.folder / _file(entry["name"], site)
        count = int(entry["tokens"]) * int(width)
        size = count * DTYPES[name].itemsize
        if not path.is_file() or path.stat().st_size != size:
            found = f"{path.stat().st_size} bytes" if path.is_file() else "nothing"
            raise RunError(
                f"{path} should hold {size} bytes and holds {found}; delete {_MANIFEST} there and "
                f"capture again."
            )
        raw = torch.from_file(str(path), shared=False, size=count, dtype=DTYPES[name])
        return raw.view(-1, int(width))

    def verify(self) -> list[str]:
        """Names of the files whose sha256 is not the manifest's."""
        return [
            name
            for shard in self.manifest["shards"]
            for name, digest in shard["sha256"].items()
            if not (self.folder / name).is_file() or files.sha256_file(self.folder / name) != digest
        ]


def open_shards(folder: str | Path, mix: int = 4) -> Shards:
    """A finished capture; RunError when there is none or it is not finished."""
    place = Path(folder)
    if not (place / _MANIFEST).is_file():
        raise RunError(f"{place} holds no {_MANIFEST}; give a folder that capture has written.")
    manifest = files.read_json(place / _MANIFEST)
    if not manifest["finished"]:
        done = len(manifest["shards"])
        raise RunError(f"The capture in {place} stopped after {done} shards; run it again first.")
    sites = tuple(parse_site(name) for name in manifest["identity"]["sites"])
    return Shards(place, sites, manifest, mix)


def capture(
    model: Model,
    texts: Sequence[str] | Rows,
    sites: Sequence[Site],
    folder: str | Path,
    *,
    dtype: str = "bfloat16",
    context: int | None = None,
    shard_tokens: int = 2**16,
    seen: Seen = lambda done, total: None,
) -> Shards:
    """Write the activations of texts at sites, and open them; what is there already is kept.

    `seen(done, total)` is told of every shard. RunError if the folder holds another capture.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"dtype={dtype!r} cannot be stored; use {' or '.join(DTYPES)}.")
    place, rows = files.writable(Path(folder)), windows(model, texts, context)
    chosen = single_sites(model, sites)
    stretches = cut([len(row) for row in rows], shard_tokens)
    who = {
        "model": identity(model),
        "computed": precision(model),
        "sites": [str(site) for site in chosen],
        "dtype": dtype,
        "texts": files.digest(rows),
        "context": context,
        "shard_tokens": shard_tokens,
    }
    manifest = _begun(place, who)
    for number in range(len(manifest["shards"]), len(stretches)):
        start, stop = stretches[number]
        block = harvest(model, rows[start:stop], chosen, range(start, stop))
        _commit(place, manifest, f"{number:05}", block, DTYPES[dtype])
        seen(number + 1, len(stretches))
    manifest["finished"] = True
    files.write_json(place / _MANIFEST, manifest)
    return open_shards(place)


def _begun(place: Path, who: dict[str, Any]) -> dict[str, Any]:
    """The manifest so far; a new one, or that of the same capture."""
    files.clear_temporaries(place)
    if not (place / _MANIFEST).is_file():
        left_out = {"bos": 0, "sinks": 0}
        return {
            "version": 1,
            "identity": who,
            "widths": {},
            "left_out": left_out,
            "shards": [],
            "finished": False,
        }
    found: dict[str, Any] = files.read_json(place / _MANIFEST)
    for key, value in who.items():
        if found["identity"].get(key) != value:
            raise RunError(
                f"{place} holds a capture with {key} {found['identity'].get(key)!r}, and {value!r} "
                f"was asked for; give another folder."
            )
    return found


def _commit(
    place: Path, manifest: dict[str, Any], name: str, block: Block, dtype: torch.dtype
) -> None:
    """The files of one shard, then the manifest that names them."""
    digests = {}
    for site, value in block.values.items():
        content = _raw(value.to("cpu", dtype))
        files.write_atomic(place / _file(name, site), content)
        digests[_file(name, site)] = files.sha256(content)
        manifest["widths"][str(site)] = int(value.shape[1])
    manifest["shards"].append({"name": name, "tokens": block.tokens, "sha256": digests})
    manifest["left_out"]["bos"] += block.bos
    manifest["left_out"]["sinks"] += block.sinks
    files.write_json(place / _MANIFEST, manifest)


def _raw(value: Tensor) -> bytes:
    integers = torch.int16 if value.dtype == torch.bfloat16 else torch.int32
    return np.ascontiguousarray(value.contiguous().view(integers).numpy()).tobytes()


@lru_cache(maxsize=256)
def _file(name: str, site: Site) -> str:
    label = str(site).replace("[", "_").replace("]", "").replace(", ", "_")
    return f"{name}.{label}.bin"
