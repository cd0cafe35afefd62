"""Edited passes that do only the work an edit can change: exact, and an order cheaper.

An edit at layer l and positions ≥ t changes nothing below l nor before t. One clean pass records
what every block was called with and the keys and values it made; each edited pass then (1) starts
at the lowest edited layer, (2) stacks many edits on the batch axis, (3) reuses the keys and values
of the unchanged prefix and (4) unembeds the last position only. `whole=True` keeps all positions
and one edit a pass: bitwise equal to a full forward pass, the audit of the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import Cache, DynamicCache

from microtome.errors import InputError
from microtome.model.edit import Edit, Replace
from microtome.model.hooks import Call, recorded_calls
from microtome.model.model import Model
from microtome.model.ports import Ports
from microtome.model.tokens import Tokens, within


@dataclass(frozen=True, eq=False)
class Replay:
    """One recorded clean pass of a single unpadded prompt.

    `logits` are the clean ones at the last position, "vocab".
    """

    model: Model
    tokens: Tokens
    calls: tuple[Call, ...]
    keys_values: tuple[tuple[Tensor, Tensor], ...]
    logits: Float[Tensor, " vocab"]

    @property
    def length(self) -> int:
        return int(self.tokens.ids.shape[1])

    def run(
        self, edits: Sequence[Sequence[Edit]], *, start: int = 0, whole: bool = False
    ) -> Float[Tensor, "edited vocab"]:
        """Final logits under each list of edits, all in one batched pass.

        Every edit must leave positions before `start` as they are; values given per position
        cover the whole prompt. `whole=True` takes one list and all positions.
        """
        if whole and (len(edits) != 1 or start):
            raise InputError("whole=True replays one list of edits over all positions.")
        layers = [site.layer for row in edits for site in _sites(self.model, row)] or [0]
        first, count = min(layers), len(edits)
        suffix = Tokens(self.tokens.ids[:, start:], self.tokens.mask[:, start:]).repeat(count)
        with self.model.parts.bank.switched(self.model.adapter):
            ports = self._ports(edits, suffix, start)
            if not whole and max(layers) < self.model.n_layers - 1:
                self._narrow_last_layer(ports)
            with torch.no_grad(), ports.taps.placed():
                clean = self.calls[first].hidden[:, start:].expand(count, -1, -1)
                hidden = self._through(first, clean, start)
        return self.model.unembed(hidden[:, -1])

    def _ports(self, edits: Sequence[Sequence[Edit]], suffix: Tokens, start: int) -> Ports:
        """Each list of edits on the row of its own."""
        ports = Ports(self.model.parts, suffix, self.model.adapter)
        for row, its_edits in enumerate(edits):
            self._demand_later(its_edits, start)
            ports.write(_shifted(edit, row, start, self.length) for edit in its_edits)
        return ports

    def resume(
        self, layer: int, states: Float[Tensor, "edited suffix d_model"], *, last: int = 1
    ) -> Float[Tensor, "edited last vocab"]:
        """Logits at the `last` positions, had block `layer` left `states` at the prompt's end.

        The positions before `states` keep what they were, so only what comes after runs.
        """
        start = self.length - states.shape[1]
        if start < 0 or not 1 <= last <= states.shape[1]:
            raise InputError(
                f"{states.shape[1]} states and {last} logits were asked for in a prompt of "
                f"{self.length} tokens; give no more states than tokens, no fewer than logits."
            )
        with self.model.parts.bank.switched(self.model.adapter), torch.no_grad():
            hidden = self._through(layer + 1, states.to(self.calls[0].hidden), start)
        return self.model.unembed(hidden[:, -last:])

    def _demand_later(self, edits: Sequence[Edit], start: int) -> None:
        """Edits of every token touch none before the start; a Replace may put there what was."""
        bos = getattr(self.model.parts.config, "bos_token_id", None)
        for edit in edits:
            if edit.positions is not None or isinstance(edit, Replace):
                continue
            spared = 0 if edit.bos or bos is None else int(self.tokens.ids[0, 0] == bos)
            if start > spared:
                raise InputError(
                    f"{edit.site} is edited at every token, and the replay starts at {start}; "
                    f"name positions from there on, or replay from {spared}."
                )

    def _narrow_last_layer(self, ports: Ports) -> None:
        """Past the last layer's attention only the last position is read: project only that.

        The other positions of the last block's output are then meaningless, and never used.
        """
        for kind in ("head_z", "mlp_in"):
            module, _ = ports.carrier(kind, self.model.n_layers - 1)
            ports.taps.into[module].append(lambda x: x[:, -1:])

    def _through(self, first: int, hidden: Tensor, start: int) -> Tensor:
        """The last block's output, from the input "edited suffix d_model" of block `first` on."""
        cache = self._prefix(first, len(hidden), start) if start else None
        for layer in range(first, self.model.n_layers):
            block = self.model.parts.block(layer)
            named = _sliced(self.calls[layer].named, start, self.length, cache, hidden)
            out = block(hidden, **named)
            hidden = out[0] if isinstance(out, tuple) else out
        return hidden

    def _prefix(self, first: int, count: int, start: int) -> Cache:
        cache = DynamicCache()
        for layer in range(first, self.model.n_layers):
            keys, values = self.keys_values[layer]
            cache.update(
                keys[..., :start, :].expand(count, -1, -1, -1),
                values[..., :start, :].expand(count, -1, -1, -1),
                layer,
            )
        return cache


def record(model: Model, tokens: Tokens) -> Replay:
    """Run one prompt (a batch of one, without padding) and keep what a replay needs."""
    if len(tokens.ids) != 1 or not bool(tokens.mask.all()):
        raise InputError("A replay records one prompt without padding.")
    tokens = tokens.to(model.device)
    cache = DynamicCache()
    with model.parts.bank.switched(model.adapter) as hf:
        blocks = [model.parts.block(layer) for layer in range(model.n_layers)]
        with torch.no_grad(), recorded_calls(blocks) as calls:
            out = hf(
                input_ids=tokens.ids,
                attention_mask=tokens.mask.long(),
                position_ids=tokens.position_ids,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
    pairs = tuple((layer.keys, layer.values) for layer in cache.layers)
    return Replay(model, tokens, tuple(calls), pairs, out.logits[0, -1])


def _sites(model: Model, edits: Sequence[Edit]) -> list[Any]:
    sites = [edit.site for edit in edits] + [e.source for e in edits if e.source is not None]
    return [single for site in sites for single in site.expand(model.parts.sizes)]


def _shifted(edit: Edit, row: int, start: int, length: int) -> Edit:
    """The edit on its own row, its positions and values counted from the start of the suffix."""
    positions = edit.positions
    if positions is not None:
        absolute = [within(p, length) for p in positions]
        if min(absolute) < start:
            raise InputError(
                f"{edit.site} is edited at position {min(absolute)}, before the replay's start "
                f"{start}; replay from an earlier position."
            )
        positions = tuple(p - start for p in absolute)
    changes: dict[str, Any] = {"rows": (row,), "positions": positions}
    for name in ("value", "mean"):
        value = getattr(edit, name, None)
        if isinstance(value, Tensor) and value.ndim >= 2 and value.shape[-2] == length:
            changes[name] = value[..., start:, :]
    return replace(edit, **changes)


def _sliced(
    named: Any, start: int, length: int, cache: Cache | None, hidden: Tensor
) -> dict[str, Any]:
    """A block's recorded arguments, cut to the positions from `start` on."""
    kept = {}
    for name, value in named.items():
        if isinstance(value, Cache):
            kept[name] = cache
        elif name == "use_cache":
            kept[name] = cache is not None
        elif start and name == "attention_mask" and value is None:
            kept[name] = _causal(start, length, hidden)
        else:
            kept[name] = _cut(value, start, length) if start else value
    return kept


def _cut(value: Any, start: int, length: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_cut(item, start, length) for item in value)
    if not isinstance(value, Tensor):
        return value
    if value.ndim == 4 and value.shape[-2] == length:
        return value[..., start:, :]
    if value.ndim in (2, 3) and value.shape[1] == length:
        return value[:, start:]
    return value


def _causal(start: int, length: int, hidden: Tensor) -> Tensor:
    """The mask that a fused kernel left implicit: a query sees keys up to its own position."""
    keys = torch.arange(length, device=hidden.device)
    return (keys[None, :] <= keys[start:, None])[None, None]
