"""Keys and values of one prefix, shared by many completions.

The prefix goes through the model once; its keys and values are copied to the rows that continue
it, into blocks of memory with room for more columns. A new token is written in place, so a step
copies one column instead of the whole past, and the block grows by `CHUNK` columns when it is
full. Layers with a sliding window keep the window alone.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import (
    CacheLayerMixin,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from microtome.errors import ModelError

CHUNK = 64


class GrowingLayer(CacheLayerMixin):
    """One layer's keys and values "row kv_head column d_head", more columns than are filled."""

    is_croppable = False

    def __init__(self, prefix: Any, rows: Int[Tensor, " row"]) -> None:
        super().__init__()
        self.is_sliding = bool(prefix.is_sliding)
        self.window = prefix.sliding_window if self.is_sliding else None
        self.seen = prefix.get_seq_length()
        self.filled = prefix.keys.shape[-2]
        self.dtype, self.device = prefix.keys.dtype, prefix.keys.device
        self.keys, self.values = prefix.keys, prefix.values
        self.keep(rows, room=CHUNK)
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the prefix has given everything."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the new columns and return what they may attend to."""
        new = key_states.shape[-2]
        if self.filled + new > self.keys.shape[-2]:
            self._grow(max(new, CHUNK))
        columns = slice(self.filled, self.filled + new)
        self.keys[:, :, columns] = key_states
        self.values[:, :, columns] = value_states
        self.filled += new
        self.seen += new
        first = 0 if self.window is None else max(0, self.filled - (self.window - 1 + new))
        return self.keys[:, :, first : self.filled], self.values[:, :, first : self.filled]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and first column of the keys that a query will be given."""
        if self.window is None:
            return self.filled + query_length, 0
        past = min(self.seen, self.window - 1)
        return past + query_length, self.seen - past

    def get_seq_length(self) -> int:
        return self.seen

    def get_max_length(self) -> int:
        return -1 if self.window is None else int(self.window)

    def keep(self, rows: Int[Tensor, " row"], room: int | None = None) -> None:
        """Keep these rows (one may be named many times), with room for more columns."""
        rows = rows.to(self.device)
        room = self.keys.shape[-2] - self.filled if room is None else room
        self.keys = self._wider(self.keys[:, :, : self.filled], rows, room)
        self.values = self._wider(self.values[:, :, : self.filled], rows, room)

    def _grow(self, room: int) -> None:
        kept = self.filled if self.window is None else min(self.filled, self.window - 1)
        columns = slice(self.filled - kept, self.filled)
        rows = torch.arange(len(self.keys), device=self.device)
        self.keys = self._wider(self.keys[:, :, columns], rows, room)
        self.values = self._wider(self.values[:, :, columns], rows, room)
        self.filled = kept

    @staticmethod
    def _wider(
        x: Float[Tensor, "old kv_head column d_head"], rows: Int[Tensor, " row"], room: int
    ) -> Float[Tensor, "row kv_head wider d_head"]:
        _, heads, columns, width = x.shape
        wider = x.new_empty(len(rows), heads, columns + room, width)
        wider[:, :, :columns] = x.expand(len(rows), -1, -1, -1) if len(x) == 1 else x[rows]
        return wider


def empty_cache(hf: Any) -> DynamicCache:
    """A cache for a prefix; ModelError where layers keep something else than keys and values."""
    cache = DynamicCache(config=hf.config)
    for layer in cache.layers:
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise ModelError(
                f"The layers of {hf.config.model_type} keep a {type(layer).__name__}, which "
                f"completions cannot share here; use a model with attention alone."
            )
    return cache


def branched(prefix: Cache, rows: Int[Tensor, " row"]) -> Cache:
    """A cache whose row i continues row rows[i] of the prefix."""
    return Cache(layers=[GrowingLayer(layer, rows) for layer in prefix.layers])


def keep_rows(cache: Cache, rows: Int[Tensor, " row"]) -> None:
    """Drop the other rows from a branched cache."""
    for layer in cache.layers:
        layer.keep(rows)
