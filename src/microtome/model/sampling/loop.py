"""The loop of generation: choose, note, feed, pool, one token of every row at a time.

Book-keeping is on the CPU (one transfer a step); states and logits stay where the model is. Rows
that chose to stop leave the batch once a quarter of it has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import Cache

from microtome.errors import NumericsError
from microtome.model.hooks import Taps
from microtome.model.model import Model
from microtome.model.sampling.cache import branched, empty_cache, keep_rows
from microtome.model.sampling.draw import Choice, Rule, choose
from microtome.model.sampling.pooling import Sums
from microtome.model.sampling.samples import Record
from microtome.model.tokens import Tokens

COMPACT_BELOW = 0.75
"""The share of rows still going below which the others are dropped from the batch."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What all micro-batches of one call share; `given` and `uniforms` have a row per sample."""

    model: Model
    rule: Rule
    steps: int
    stop: Int[Tensor, " stop"]
    given: Int[Tensor, " n"] | None
    uniforms: Float[Tensor, "n step"] | None
    top2: bool
    sums: Sums | None
    record: Record

    def choice(self, batch: "Batch", step: int) -> Choice:
        """The tokens that the rows of a batch take at `step`."""
        given = None
        if self.given is not None and step == 0:
            given = self.given[batch.rows].to(batch.logits.device)
        uniform = None if self.uniforms is None else self.uniforms[batch.rows, step]
        return choose(batch.logits, self.rule, uniform, given, self.top2)

    def run(self, rows: Int[Tensor, " row"], start: Callable[[Tensor], "Batch"]) -> None:
        """All steps of these rows; in halves, from anew, when the device runs out of memory."""
        try:
            advance(self, start(rows))
            return
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise
        self.record.forget(rows)
        if self.sums is not None:
            self.sums.forget(rows)
        for half in rows.tensor_split(2):
            self.run(half, start)

    def pools(self, position: int) -> bool:
        """Whether the generated token at `position` (from 1) is pooled."""
        return self.sums is not None and self.sums.pooling.wants(position)


@dataclass
class Batch:
    """Rows that advance together: sample numbers, cache, next logits, next position, padding."""

    rows: Int[Tensor, " row"]
    cache: Cache
    logits: Float[Tensor, "row vocab"]
    position: Int[Tensor, " row"]
    mask: Bool[Tensor, "row column"] | None
    ended: Bool[Tensor, " row"]

    @property
    def going(self) -> Int[Tensor, " going"]:
        """Places in the batch of the rows that have not ended."""
        return torch.nonzero(~self.ended)[:, 0]

    def compact(self) -> None:
        """Drop the ended rows (the logits are those of the next pass)."""
        kept = self.going
        keep_rows(self.cache, kept)
        there = kept.to(self.position.device)
        self.position = self.position[there]
        self.mask = None if self.mask is None else self.mask[there]
        self.rows, self.ended = self.rows[kept], self.ended[kept]


@dataclass(frozen=True, eq=False)
class Prefix:
    """Prefixes after their one pass: cache, logits at the end, lengths, and padding if any."""

    cache: Cache
    logits: Float[Tensor, "prefix vocab"]
    lengths: Int[Tensor, " prefix"]
    mask: Bool[Tensor, "prefix column"] | None

    def branch(self, rows: Int[Tensor, " row"], sources: Int[Tensor, " row"]) -> Batch:
        """A batch whose row i is sample rows[i] and continues prefix sources[i]."""
        there = sources.to(self.logits.device)
        return Batch(
            rows,
            branched(self.cache, sources),
            self.logits[there],
            self.lengths[there],
            None if self.mask is None else self.mask[there],
            torch.zeros(len(rows), dtype=torch.bool),
        )


def prefill(model: Model, tokens: Tokens) -> Prefix:
    """Prefixes (padded on the left, if at all) through the model, once."""
    tokens = tokens.to(model.device)
    cache = empty_cache(model.parts.hf)
    mask = None if bool(tokens.mask.all()) else tokens.mask
    logits = _logits(model, tokens.ids, tokens.position_ids, cache, mask)
    return Prefix(cache, logits, tokens.lengths, mask)


def advance(plan: Plan, batch: Batch) -> None:
    """Token after token until every row has ended or has taken all its steps."""
    for step in range(plan.steps):
        choice = plan.choice(batch, step)
        plan.record.write(batch.rows, step, choice)
        stopping = torch.isin(choice.ids.cpu(), plan.stop) & ~batch.ended
        plan.record.end(batch.rows[stopping], step)
        batch.ended = batch.ended | stopping
        last, pooled = step + 1 == plan.steps, plan.pools(step + 1)
        going = batch.going
        if not len(going) or (last and not pooled):
            return
        ids = choice.ids
        if len(going) <= COMPACT_BELOW * len(ids):
            ids = ids[going.to(ids.device)]
            batch.compact()
        feed(plan.model, batch, ids, plan.sums if pooled else None, step + 1)


def feed(model: Model, batch: Batch, ids: Int[Tensor, " row"], sums: Sums | None, at: int) -> None:
    """One token of each row through the model; pooled as generated token `at` if sums are given."""
    tokens = Tokens(ids[:, None], torch.ones_like(ids, dtype=torch.bool)[:, None])
    taps = Taps() if sums is None else sums.taps(tokens, batch.rows, batch.going, at)
    if batch.mask is not None:
        batch.mask = torch.cat([batch.mask, tokens.mask], -1)
    with model.parts.bank.switched(model.adapter), taps.placed():
        batch.logits = _logits(model, tokens.ids, batch.position[:, None], batch.cache, batch.mask)
    batch.position = batch.position + 1


def _logits(
    model: Model, ids: Tensor, position_ids: Tensor, cache: Cache, mask: Tensor | None
) -> Float[Tensor, "row vocab"]:
    out: Tensor = model.hf(
        input_ids=ids,
        position_ids=position_ids,
        attention_mask=None if mask is None else mask.long(),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    demand_finite(model, out)
    return out.to(model.device)


def demand_finite(model: Model, logits: Tensor) -> None:
    """NumericsError when a logit is NaN or infinite."""
    if not torch.isfinite(logits.sum()) and not torch.isfinite(logits).all():
        raise NumericsError(
            f"{model.name} gave logits that are not finite while generating; check the weights "
            f"for NaN, or use dtype='float32'."
        )


def stop_ids(model: Model, asked: Sequence[int] | None) -> Int[Tensor, " stop"]:
    """The ids that end a completion: those asked for, or EOS as model and tokenizer name it."""
    if asked is None:
        own = getattr(model.parts.hf.generation_config, "eos_token_id", None)
        named = [*(own if isinstance(own, list) else [own]), model.tokenizer.eos_token_id]
        asked = [i for i in named if i is not None]
    return torch.tensor(sorted(set(asked)), dtype=torch.long)
