"""Teacher-forced scores and completions of a causal LM, in plain transformers.

Kept apart from the engine on purpose: the specimen's abilities are measured without the
instrument that is tested on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from microtome.data.games import COOPERATE, DEFECT


@dataclass(frozen=True)
class Score:
    """Natural log-probability of a continuation and whether greedy decoding would write it."""

    log_prob: float
    greedy: bool


def _padded(rows: Sequence[Sequence[int]], pad: int) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows])


@torch.no_grad()
def scores(
    model: Any, tokenizer: Any, pairs: Sequence[tuple[str, str]], batch: int = 64
) -> list[Score]:
    """Score of each (prompt, continuation), tokenised jointly; right padding, causal, so exact."""
    found: list[Score] = []
    for start in range(0, len(pairs), batch):
        chunk = pairs[start : start + batch]
        prompts = tokenizer([p for p, _ in chunk])["input_ids"]
        full = tokenizer([p + c for p, c in chunk])["input_ids"]
        ids = _padded(full, tokenizer.pad_token_id).to(model.device)
        logp = model(input_ids=ids, use_cache=False).logits.float().log_softmax(-1)
        best = logp.argmax(-1)
        for row, (prompt, whole) in enumerate(zip(prompts, full, strict=True)):
            span = range(len(prompt), len(whole))
            total = sum(float(logp[row, t - 1, whole[t]]) for t in span)
            found.append(Score(total, all(int(best[row, t - 1]) == whole[t] for t in span)))
    return found


def action_probabilities(model: Any, tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """P(" action1") and P(" action2") after each prompt, as whole answers: [prompt, 2]."""
    pairs = [(p, action) for p in prompts for action in (COOPERATE, DEFECT)]
    found = [s.log_prob for s in scores(model, tokenizer, pairs)]
    return torch.tensor(found).reshape(-1, 2).exp()


@torch.no_grad()
def completions(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    temperature: float = 0.0,
    max_new_tokens: int = 72,
    seed: int = 0,
    batch: int = 50,
) -> list[str]:
    """One completion per prompt; temperature 0 is greedy, otherwise no top-k and no top-p."""
    torch.manual_seed(seed)
    found: list[str] = []
    how: dict[str, Any] = {"do_sample": False}
    if temperature > 0:
        how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    for start in range(0, len(prompts), batch):
        chunk = list(prompts[start : start + batch])
        inputs = tokenizer(chunk, return_tensors="pt", padding=True, padding_side="left")
        out = model.generate(
            input_ids=inputs["input_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            max_new_tokens=max_new_tokens,
            **how,
        )
        new = out[:, inputs["input_ids"].shape[1] :]
        found += tokenizer.batch_decode(new, skip_special_tokens=True)
    return found
