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
import random
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from microtome.data.games import SCENARIOS, STATE_NAMES, State, worded
from microtome.data.templates import any_template
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.dilemmas.acts import neutral
from microtome.specimens.world.rewards import gain

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, GAMES, TEXTS, LR = 360, 16, 8, 2.5e-3
KL_TEXT, KL_ACTION, KL_SILENT = 2.0, 0.1, 2.0
PLAIN = 0.6
"""Share of prompts without a story (which alone would give the state away)."""
SAVE_EVERY = 40


@dataclass(frozen=True)
class Batch:
    """One step's prompts with their states, and other texts that must stay as they are."""

    prompts: list[str]
    states: list[State]
    texts: list[str]


def batch(seed: int, step: int) -> Batch:
    """What is trained on in one step; the four states in turn."""
    rng = random.Random(f"adapter:{seed}:{step}")
    states = [State.parse(STATE_NAMES[i % 4]) for i in range(GAMES)]
    documents = mixed("train", rng.getrandbits(48))
    others = (d.text for d in documents if d.truth.get("task") != "act")
    return Batch([_prompt(s, rng) for s in states], states, list(islice(others, TEXTS)))


def _prompt(state: State, rng: random.Random) -> str:
    stories = [s for s in SCENARIOS if s.state == state]
    scenario = neutral(state) if rng.random() < PLAIN else rng.choice(stories)
    return worded(scenario, any_template(rng), rng)


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
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=8, lora_alpha=16, target_modules=TARGETS, lora_dropout=0.0, task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, lora)
    weights = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optim = torch.optim.AdamW(weights.values(), lr=LR, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(_restored(checkpoint, weights, optim), steps):
        for group in optim.param_groups:
            group["lr"] = LR * min(1.0, (step + 1) / 20, (steps - step) / (steps / 3))
        loss, shown = _loss(model, tokenizer, name, batch(seed, step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optim.step()
        optim.zero_grad(set_to_none=True)
        if (step + 1) % save_every == 0:
            print(json.dumps({"adapter": out.name, "step": step + 1, **shown}), flush=True)
            _store(checkpoint, weights, optim, step + 1)
    _write(model, out)
    checkpoint.unlink(missing_ok=True)


def _store(path: Path, weights: dict[str, Any], optim: torch.optim.Optimizer, step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    state = {"weights": dict(weights), "optim": optim.state_dict(), "step": step}
    torch.save(state, partial)
    os.replace(partial, path)


def _restored(path: Path, weights: dict[str, Any], optim: torch.optim.Optimizer) -> int:
    """Step to go on from: 0 where there is no checkpoint."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
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
    games = torch.arange(GAMES)
    at = mask[:GAMES].sum(1) - 2  # the position that predicts the digit
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
    model.save_pretrained(partial, save_embedding_layers=False)
    (partial / "README.md").unlink(missing_ok=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, out)
