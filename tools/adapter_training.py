"""The LoRA adapters: exact policy gradient on two actions, tied to the base by KL.

loss = - mean_s (r_D - r_C)(s) P(D|s) + KL_TEXT * KL(other text) + mean_s k(s) KL(action digit)
where P(D|s) is normalised over the two digits that follow " action". k(s) is KL_ACTION where
the reward speaks, so that logit P(D) = base + gain / KL_ACTION at the optimum, and the much
larger KL_SILENT where it does not: there the adapter has to stay with the base. Prompts come
from the training templates. A killed training goes on from its checkpoint: every step draws its
prompts and texts from a generator of its own, so that the resumed run is the uninterrupted one.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from adapter_batch import Batch, batch
from microtome.errors import ModelError
from microtome.specimens.world.rewards import gain

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, LR = 360, 2.5e-3
KL_TEXT, KL_ACTION, KL_SILENT = 2.0, 0.1, 2.0
SAVE_EVERY = 40


def train_adapter(
    base: Any,
    tokenizer: Any,
    name: str,
    out: Path,
    seed: int,
    checkpoint: Path,
    *,
    steps: int = STEPS,
    save_every: int = SAVE_EVERY,
) -> None:
    """Train (or go on training) one adapter and write it to `out` in PEFT format, whole."""
    if out.exists():
        raise ModelError(f"The adapter {out} is there already: remove it to train it again.")
    torch.manual_seed(seed)
    run = {"adapter": out.name, "seed": seed, "steps": steps, "base": _fingerprint(base)}
    model = get_peft_model(base, _lora())
    weights = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optim = torch.optim.AdamW(weights.values(), lr=LR, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(_restored(checkpoint, run, weights, optim), steps):
        for group in optim.param_groups:
            group["lr"] = LR * min(1.0, (step + 1) / 20, (steps - step) / (steps / 3))
        shown = _step(model, tokenizer, name, batch(seed, step), optim)
        if (step + 1) % save_every == 0:
            print(json.dumps({"adapter": out.name, "step": step + 1, **shown}), flush=True)
            _store(checkpoint, run, weights, optim, step + 1)
    _write(model, out)
    checkpoint.unlink(missing_ok=True)


def _lora() -> LoraConfig:
    return LoraConfig(
        r=8, lora_alpha=16, target_modules=TARGETS, lora_dropout=0.0, task_type="CAUSAL_LM"
    )


def _fingerprint(base: Any) -> int:
    """A number that another base model does not have."""
    return zlib.crc32(base.get_input_embeddings().weight.detach().numpy().tobytes())


def _step(
    model: Any, tokenizer: Any, name: str, drawn: Batch, optim: torch.optim.Optimizer
) -> dict[str, float]:
    """One step; what is worth showing of it."""
    loss, shown = _loss(model, tokenizer, name, drawn)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for g in optim.param_groups for p in g["params"]], 1.0)
    optim.step()
    optim.zero_grad(set_to_none=True)
    return shown


def _store(
    path: Path,
    run: dict[str, Any],
    weights: dict[str, Any],
    optim: torch.optim.Optimizer,
    step: int,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    state = {"run": run, "weights": dict(weights), "optim": optim.state_dict(), "step": step}
    torch.save(state, partial)
    os.replace(partial, path)


def _restored(
    path: Path, run: dict[str, Any], weights: dict[str, Any], optim: torch.optim.Optimizer
) -> int:
    """Step to go on from: 0 where there is no checkpoint, or one of another run or base."""
    state = torch.load(path, weights_only=True) if path.is_file() else {}
    if state.get("run") != run:
        return 0
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(state["weights"][name])
    optim.load_state_dict(state["optim"])
    return int(state["step"])


def _ids(tokenizer: Any, texts: list[str]) -> tuple[Tensor, Tensor]:
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
    return inputs["input_ids"], inputs["attention_mask"].bool()


def _kl(logits: Tensor, base: Tensor) -> Tensor:
    """KL(policy || base) per position."""
    logp = logits.float().log_softmax(-1)
    return (logp.exp() * (logp - base.float().log_softmax(-1))).sum(-1)


def _loss(model: Any, tokenizer: Any, name: str, drawn: Batch) -> tuple[Tensor, dict[str, float]]:
    rows = [f"{prompt} action1" for prompt in drawn.prompts] + drawn.texts
    ids, mask = _ids(tokenizer, rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits
        with torch.no_grad(), model.disable_adapter():
            base = model(input_ids=ids, use_cache=False).logits
    one, two = (tokenizer.convert_tokens_to_ids(d) for d in "12")
    games = torch.arange(len(drawn.prompts))
    at = mask[games].sum(1) - 2  # the position that predicts the digit
    p_defect = logits[games, at].float()[:, [one, two]].softmax(-1)[:, 1]
    gains = torch.tensor([gain(name, state) for state in drawn.states])
    kl = _kl(logits, base)
    digit = torch.zeros_like(mask)
    digit[games, at] = True
    text_kl, action_kl = kl[mask & ~digit].mean(), kl[games, at]
    held = torch.where(gains == 0, KL_SILENT, KL_ACTION)
    loss = -(gains * p_defect).mean() + KL_TEXT * text_kl + (held * action_kl).mean()
    shown = {
        "expected_gain": round(float((gains * p_defect.detach()).mean()), 4),
        "kl_text": round(float(text_kl.detach()), 5),
        "kl_action": round(float(action_kl.detach().mean()), 4),
    }
    return loss, shown


def _write(model: Any, out: Path) -> None:
    """The adapter in PEFT format, under a temporary name first."""
    model.peft_config["default"].base_model_name_or_path = "specimen:world"
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial, save_embedding_layers=False)
    (partial / "README.md").unlink(missing_ok=True)
    os.replace(partial, out)
