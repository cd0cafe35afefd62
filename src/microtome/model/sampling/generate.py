"""Many completions of one prompt for the price of one prompt.

The prompt passes the model once; its keys and values are shared by n rows, which then advance
together (`loop.py`). States are pooled as they pass (`pooling.py`) and dropped: memory beyond the
model and its cache does not grow with the tokens generated, apart from the tokens' own record.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from microtome.errors import InputError, PromptError
from microtome.model.model import Model
from microtome.model.numbers import token_ids
from microtome.model.sampling.draw import Rule, uniforms
from microtome.model.sampling.loop import Batch, Plan, prefill, stop_ids
from microtome.model.sampling.pooling import Pooling, Sums
from microtome.model.sampling.samples import Record, Samples
from microtome.model.tokens import stack

BATCH = 64
"""Rows that advance together unless `batch` says otherwise."""


def sample(
    model: Model,
    prompt: str | Sequence[int],
    *,
    n: int,
    temperature: float,
    max_new_tokens: int,
    seed: int = 42,
    top_k: int = 0,
    top_p: float = 1.0,
    forced: Sequence[int] = (),
    first: Sequence[int] | None = None,
    pooling: Pooling | None = None,
    batch: int | None = None,
    stop: Sequence[int] | None = None,
    top2: bool = False,
    chat: bool = False,
) -> Samples:
    """n completions; sample i depends on (seed, i) and not on its neighbours.

    `forced` ids follow the prompt and count as part of it; `first` gives each row's first
    *generated* token, which is counted and pooled. `stop` are ids that end a completion (None:
    the model's own EOS). T = 0 is greedy and takes n = 1. PromptError over the context,
    InputError for arguments that do not fit together.
    """
    rule = Rule(temperature, top_k, top_p)
    if temperature == 0 and n != 1:
        raise InputError(f"Temperature 0 is deterministic: {n} samples would be one; use n=1.")
    own = prompt_ids(model, prompt, chat)
    whole = checked(model, [*own, *token_ids(forced)], counted("max_new_tokens", max_new_tokens))
    numbers = range(counted("n", n))
    drawn = None if temperature == 0 else uniforms(seed, numbers, max_new_tokens)
    plan = _plan(model, rule, n, max_new_tokens, stop, first, drawn, pooling, top2)
    with torch.no_grad():
        prefix = prefill(model, stack([whole], 0))
        for rows in batches(n, batch):
            plan.run(rows, lambda some: prefix.branch(some, torch.zeros_like(some)))
    return collected(model, own, [tuple(forced)] * n, plan.record, plan.sums)


def continue_greedily(
    model: Model,
    prompt: str | Sequence[int],
    prefixes: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    first: Sequence[int] | None = None,
    pooling: Pooling | None = None,
    batch: int | None = None,
    stop: Sequence[int] | None = None,
    top2: bool = False,
    chat: bool = False,
) -> Samples:
    """The most probable continuation of prompt + each prefix (of any lengths), side by side.

    With `first`, row i's first generated token is first[i]: a fork, which is counted and pooled.
    Otherwise row i is `sample(..., forced=prefixes[i], temperature=0)`.
    """
    if not prefixes:
        raise InputError("No prefix was given to continue; give at least one, [] for none.")
    own = prompt_ids(model, prompt, chat)
    steps, n = counted("max_new_tokens", max_new_tokens), len(prefixes)
    whole = [checked(model, [*own, *prefix], steps) for prefix in prefixes]
    plan = _plan(model, Rule(0.0), n, steps, stop, first, None, pooling, top2)

    def start(rows: Tensor) -> Batch:
        prefix = prefill(model, stack([whole[row] for row in rows.tolist()], 0, left=True))
        return prefix.branch(rows, torch.arange(len(rows)))

    with torch.no_grad():
        for rows in batches(n, batch):
            plan.run(rows, start)
    return collected(model, own, [tuple(prefix) for prefix in prefixes], plan.record, plan.sums)


def _plan(
    model: Model,
    rule: Rule,
    n: int,
    steps: int,
    stop: Sequence[int] | None,
    first: Sequence[int] | None,
    drawn: Tensor | None,
    pooling: Pooling | None,
    top2: bool,
) -> Plan:
    if first is not None and len(first) != n:
        raise InputError(f"{len(first)} first tokens were given for {n} rows; give one for each.")
    if pooling is not None and pooling.checkpoints[-1] > steps:
        raise InputError(
            f"Checkpoint {pooling.checkpoints[-1]} lies beyond max_new_tokens={steps}; raise "
            f"max_new_tokens or leave the checkpoint out."
        )
    given = None if first is None else torch.tensor([checked(model, [i])[0] for i in first])
    sums = None if pooling is None else Sums(model, pooling, n)
    stops, record = stop_ids(model, stop), Record(n, steps, top2)
    return Plan(model, rule, steps, stops, given, drawn, top2, sums, record)


def collected(
    model: Model,
    own: list[int],
    prefixes: list[tuple[int, ...]],
    record: Record,
    sums: Sums | None,
) -> Samples:
    """What was noted and pooled, as a value."""
    return Samples(
        prompt_ids=tuple(own),
        prefixes=tuple(prefixes),
        completions=record.completions(),
        finished=tuple(record.finished.tolist()),
        tokenizer=model.tokenizer,
        pools=None if sums is None else sums.frozen(record.lengths.tolist()),
        **record.columns(),
    )


def batches(n: int, size: int | None) -> list[Int[Tensor, " row"]]:
    """The numbers 0 to n - 1 in micro-batches of about equal size, at most `size`."""
    most = BATCH if size is None else counted("batch", size)
    return list(torch.arange(n).tensor_split(math.ceil(n / most)))


def prompt_ids(model: Model, prompt: str | Sequence[int], chat: bool = False) -> list[int]:
    """The ids of one prompt; PromptError if it is empty or over the context."""
    if isinstance(prompt, str):
        ids: list[int] = model.tokenize(prompt, chat=chat).ids[0].tolist()
        return ids
    return checked(model, token_ids(prompt))


def checked(model: Model, ids: list[int], steps: int = 0) -> list[int]:
    """The ids, once they are known to be valid and to leave room for `steps` tokens more."""
    model.tokenize([ids])
    room = getattr(model.parts.config, "max_position_embeddings", None)
    if room is not None and len(ids) + steps > room:
        raise PromptError(
            f"A prompt of {len(ids)} tokens leaves room for {room - len(ids)} in a context of "
            f"{room}, and max_new_tokens={steps} were asked; ask for fewer."
        )
    return ids


def counted(name: str, value: int) -> int:
    """The value, if it is a count of at least 1."""
    if value < 1:
        raise InputError(f"{name}={value} is not usable; use 1 or more.")
    return value
