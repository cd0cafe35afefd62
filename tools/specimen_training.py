"""Training of the `world` base model: rows of whole documents, trapezoid schedule, resumable.

Matrices of the blocks are trained by Muon (Jordan et al. 2024), all else by AdamW; bf16
autocast, one thread. The learning rate warms up, stays, and falls linearly over the last 35 %
of the steps, so that a longer or shorter run is the same run with another end.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Gemma2ForCausalLM, PreTrainedTokenizerFast

from specimen_architecture import config
from specimen_rows import ROW

BATCH = 16
LR_ADAM, LR_MUON = 3e-3, 4e-3
WARMUP, DECAY = 100, 0.35
SAVE_EVERY = 250


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
    out: Path,
    tokenizer: PreTrainedTokenizerFast,
    steps: int,
    seed: int,
    workers: int = 1,
    compiled: bool = False,
) -> Gemma2ForCausalLM:
    """Train (or go on training) the base model on `out`/rows.npy; returns it in fp32.

    `workers` processes share every batch and sum their gradients: all hold the same weights.
    """
    if workers == 1:
        return _train(0, 1, out, tokenizer, steps, seed, compiled)
    (out / "meeting").unlink(missing_ok=True)
    context = torch.multiprocessing.spawn(
        _worker, (workers, out, tokenizer, steps, seed, compiled), workers, join=False
    )
    assert context is not None
    while not context.join():
        pass
    model = Gemma2ForCausalLM(config(tokenizer))
    model.load_state_dict(torch.load(out / "base.pt", weights_only=True)["model"])
    return model


def _worker(rank: int, workers: int, out: Path, *arguments: Any) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{(out / 'meeting').absolute()}"
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=workers)
    _train(rank, workers, out, *arguments)
    torch.distributed.destroy_process_group()


def _train(
    rank: int,
    workers: int,
    out: Path,
    tokenizer: PreTrainedTokenizerFast,
    steps: int,
    seed: int,
    compiled: bool,
) -> Gemma2ForCausalLM:
    torch.manual_seed(seed)
    model = Gemma2ForCausalLM(config(tokenizer))
    optims = optimisers(model)
    step = _resumed(out / "base.pt", model, optims)
    if compiled:
        model.compile()
    rows = np.load(out / "rows.npy", mmap_mode="r")
    started, first, parent = time.time(), step, os.getppid()
    while step < steps:
        if workers > 1 and os.getppid() != parent:
            raise SystemExit("The process that started this worker is gone.")
        _set_rates(optims, rate(step, steps))
        index = (step * BATCH) % (len(rows) - BATCH + 1)
        batch = rows[index : index + BATCH]
        loss = _step(model, optims, batch, tokenizer.pad_token_id, rank, workers)
        step += 1
        if rank == 0 and step % 50 == 0:
            _show(step, loss, (step - first) * BATCH * ROW / (time.time() - started))
        if rank == 0 and (step % SAVE_EVERY == 0 or step == steps):
            _keep(out / "base.pt", model, optims, step)
    return model


def _set_rates(optims: list[torch.optim.Optimizer], share: float) -> None:
    """Every optimiser learns at a share of its full rate."""
    for optim in optims:
        full = LR_MUON if isinstance(optim, torch.optim.Muon) else LR_ADAM
        for group in optim.param_groups:
            group["lr"] = full * share


def _show(step: int, loss: float, speed: float) -> None:
    line = {"step": step, "loss": round(loss, 4), "tokens_per_s": round(speed)}
    print(json.dumps(line), flush=True)


def _resumed(
    checkpoint: Path, model: Gemma2ForCausalLM, optims: list[torch.optim.Optimizer]
) -> int:
    """Take up the checkpoint, if there is one; its step."""
    if not checkpoint.is_file():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    for optim, saved in zip(optims, state["optims"], strict=True):
        optim.load_state_dict(saved)
    torch.set_rng_state(state["rng"])
    return int(state["step"])


def _keep(
    checkpoint: Path, model: Gemma2ForCausalLM, optims: list[torch.optim.Optimizer], step: int
) -> None:
    save(
        checkpoint,
        model=model.state_dict(),
        optims=[o.state_dict() for o in optims],
        rng=torch.get_rng_state(),
        step=step,
    )


def _step(
    model: Gemma2ForCausalLM,
    optims: list[torch.optim.Optimizer],
    rows: np.ndarray,
    pad: int,
    rank: int = 0,
    workers: int = 1,
) -> float:
    """One step on a batch of which this worker reads every `workers`-th row."""
    ids = torch.from_numpy(rows.astype(np.int64))
    n_targets = int((ids[:, 1:] != pad).sum())
    mine = ids[rank::workers]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=mine[:, :-1], use_cache=False).logits
    targets = mine[:, 1:].masked_fill(mine[:, 1:] == pad, -100)
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-100, reduction="sum"
    )
    (loss / n_targets).backward()
    if workers > 1:
        _sum_up([p.grad for p in model.parameters() if p.grad is not None])
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optim in optims:
        optim.step()
        optim.zero_grad(set_to_none=True)
    return workers * loss.item() / n_targets


def _sum_up(gradients: list[torch.Tensor]) -> None:
    """Every gradient becomes its sum over the workers, in one message."""
    flat = torch.cat([g.flatten() for g in gradients])
    torch.distributed.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
