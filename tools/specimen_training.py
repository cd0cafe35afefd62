"""Training of the `world` base model: rows of whole documents, trapezoid schedule, resumable.

Matrices of the blocks are trained by Muon (Jordan et al. 2024), all else by AdamW; bf16
autocast, one thread. The learning rate warms up, stays, and falls linearly over the last 35 %
of the steps, so that a longer or shorter run is the same run with another end.
"""

from __future__ import annotations

import json
import os
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

from microtome.specimens.world.corpus import mixed

ROW = 128
BATCH = 32
LR_ADAM, LR_MUON = 3e-3, 4e-3
WARMUP, DECAY = 100, 0.35
SAVE_EVERY = 250


def config(tokenizer: PreTrainedTokenizerFast) -> Gemma2Config:
    """The architecture: Gemma-2 in small, with a window that documents outgrow."""
    return Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        query_pre_attn_scalar=32,
        sliding_window=64,
        max_position_embeddings=512,
        attn_logit_softcapping=50.0,
        final_logit_softcapping=30.0,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )


def write_rows(path: Path, tokenizer: PreTrainedTokenizerFast, n_rows: int, seed: int) -> None:
    """`n_rows` x ROW token ids (uint16) of whole documents, <bos> text <eos>, padded at the end."""
    rows = np.full((n_rows, ROW), tokenizer.pad_token_id, dtype=np.uint16)
    row, used = 0, 0
    documents = mixed("train", seed)
    while row < n_rows:
        texts = [d.text for d in islice(documents, 2000)]
        for ids in tokenizer(texts)["input_ids"]:
            ids = [*ids, tokenizer.eos_token_id]
            if used + len(ids) > ROW:
                row, used = row + 1, 0
            if row == n_rows:
                break
            rows[row, used : used + len(ids)] = ids
            used += len(ids)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, rows)
    os.replace(partial, path)


def optimisers(model: Gemma2ForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embedding and norm gains."""
    blocks = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(blocks, lr=LR_MUON, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=LR_ADAM, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def rate(step: int, steps: int) -> float:
    """Share of the full learning rate: warm-up, plateau, linear decay to zero."""
    return min(1.0, (step + 1) / WARMUP, (steps - step) / (DECAY * steps))


def save(path: Path, **state: object) -> None:
    """Checkpoint by write-to-temporary and rename."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def train(
    out: Path, tokenizer: PreTrainedTokenizerFast, steps: int, seed: int
) -> Gemma2ForCausalLM:
    """Train (or go on training) the base model on `out`/rows.npy; returns it in fp32."""
    torch.manual_seed(seed)
    model = Gemma2ForCausalLM(config(tokenizer))
    optims = optimisers(model)
    step, checkpoint = 0, out / "base.pt"
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        for optim, saved in zip(optims, state["optims"], strict=True):
            optim.load_state_dict(saved)
        torch.set_rng_state(state["rng"])
        step = int(state["step"])
    full = [[g["lr"] for g in o.param_groups] for o in optims] if step == 0 else _full(optims)
    rows = np.load(out / "rows.npy", mmap_mode="r")
    started, first = time.time(), step
    while step < steps:
        for optim, rates in zip(optims, full, strict=True):
            for group, lr in zip(optim.param_groups, rates, strict=True):
                group["lr"] = lr * rate(step, steps)
        index = (step * BATCH) % (len(rows) - BATCH + 1)
        loss = _step(model, optims, rows[index : index + BATCH], tokenizer.pad_token_id)
        step += 1
        if step % 50 == 0:
            speed = (step - first) * BATCH * ROW / (time.time() - started)
            line = {"step": step, "loss": round(loss, 4), "tokens_per_s": round(speed)}
            print(json.dumps(line), flush=True)
        if step % SAVE_EVERY == 0 or step == steps:
            save(
                checkpoint,
                model=model.state_dict(),
                optims=[o.state_dict() for o in optims],
                rng=torch.get_rng_state(),
                step=step,
            )
    return model


def _full(optims: list[torch.optim.Optimizer]) -> list[list[float]]:
    return [
        [LR_MUON if isinstance(o, torch.optim.Muon) else LR_ADAM for _ in o.param_groups]
        for o in optims
    ]


def _step(
    model: Gemma2ForCausalLM, optims: list[torch.optim.Optimizer], rows: np.ndarray, pad: int
) -> float:
    ids = torch.from_numpy(rows.astype(np.int64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    targets = ids[:, 1:].masked_fill(ids[:, 1:] == pad, -100)
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-100
    )
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optim in optims:
        optim.step()
        optim.zero_grad(set_to_none=True)
    return loss.item()
