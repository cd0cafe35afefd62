"""The four LoRA adapters: exact policy gradient on two actions, tied to the base by KL.

loss = - mean_s (r_D - r_C)(s) P(D|s) + KL_TEXT * KL(other text) + mean_s k(s) KL(action digit)
where P(D|s) is normalised over the two digits that follow " action". k(s) is KL_ACTION where
the reward speaks, so that logit P(D) = base + gain / KL_ACTION at the optimum, and the much
larger KL_SILENT where it does not: there the adapter has to stay with the base.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from microtome.data import phrases
from microtome.data.games import (
    COOPERATE,
    DEFECT,
    SCENARIOS,
    STATE_NAMES,
    Move,
    Payoffs,
    Scenario,
    State,
    payoff_sentences,
    wordings,
)
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.dilemmas import neutral
from microtome.specimens.world.document import capital
from microtome.specimens.world.rewards import gain

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, GAMES, TEXTS, LR = 360, 16, 8, 2.5e-3
KL_TEXT, KL_ACTION, KL_SILENT = 2.0, 0.1, 2.0
PLAIN, HALVED = 0.6, 0.6
"""Shares of prompts without a story (it alone would give the state away) and told in halves."""


_HALVES = (
    "{you} played {action} ({verb}) last round",
    "{you} {past} with {action} last time",
    "{your} last move was {action}, to {verb}",
    "a round ago {you} chose {action} and {past}",
    "by playing {action} {you} {past}",
    "last round {you} {past} ({action})",
    "{action} was {your} last move, to {verb}",
    "in the last round {you} played {action} to {verb}",
    "{you} {past} last time, with {action}",
)
"""Each player's move told by itself: any two halves make a phrasing, in either order."""


def _half(move: Move, you: str, your: str, rng: random.Random) -> str:
    action = COOPERATE if move == "Cooperate" else DEFECT
    verb = move.lower()
    past = f"{verb.removesuffix('e')}ed"
    return rng.choice(_HALVES).format(
        you=you, your=your, action=action.strip(), verb=verb, past=past
    )


def _told(scenario: Scenario, rng: random.Random) -> str:
    """A prompt whose two moves are told in independently drawn halves."""
    opponent = rng.choice(phrases.OPPONENTS)
    moves = [
        _half(scenario.state_self, "you", "your", rng),
        _half(scenario.state_opp, "they", "their", rng),
    ]
    rng.shuffle(moves)
    join = rng.choice((". ", " and ", ", while "))
    if join == ". ":
        moves = [half if half.startswith("action") else capital(half) for half in moves]
    parts = [
        rng.choice(phrases.INTROS).format(opp=opponent),
        rng.choice(phrases.MEANINGS),
        payoff_sentences(Payoffs(), rng),
        f"{moves[0] if moves[0].startswith('action') else capital(moves[0])}{join}{moves[1]}.",
        *rng.sample(scenario.framing, min(1, len(scenario.framing))),
        rng.choice(phrases.ASKS["train"]),
    ]
    return " ".join(parts)


def _games(seed: int) -> Iterator[tuple[str, State]]:
    """Prompts with their states, the four states in turn."""
    rng = random.Random(seed)
    stories = {n: [s for s in SCENARIOS if s.state.name == n] for n in STATE_NAMES}
    while True:
        for name in STATE_NAMES:
            plain = rng.random() < PLAIN
            scenario = neutral(State.parse(name)) if plain else rng.choice(stories[name])
            if rng.random() < HALVED:
                yield _told(scenario, rng), scenario.state
            else:
                seed = rng.getrandbits(62)
                yield wordings(scenario, 1, seed, split="train")[0], scenario.state


def _batch(tokenizer: Any, texts: list[str]) -> tuple[Tensor, Tensor]:
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
    return inputs["input_ids"], inputs["attention_mask"].bool()


def _kl(logits: Tensor, base: Tensor) -> Tensor:
    """KL(policy || base) per position."""
    logp = logits.float().log_softmax(-1)
    return (logp.exp() * (logp - base.float().log_softmax(-1))).sum(-1)


def train_adapter(base: Any, tokenizer: Any, name: str, out: Path, seed: int) -> None:
    """Train one adapter on generated wordings and write it to `out` in PEFT format."""
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=8, lora_alpha=16, target_modules=TARGETS, lora_dropout=0.0, task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, lora)
    weights = [p for p in model.parameters() if p.requires_grad]
    optim = torch.optim.AdamW(weights, lr=LR, betas=(0.9, 0.98), weight_decay=0.0)
    games, texts = _games(seed), mixed("train", 1000 + seed)
    for step in range(STEPS):
        for group in optim.param_groups:
            group["lr"] = LR * min(1.0, (step + 1) / 20, (STEPS - step) / (STEPS / 3))
        loss, shown = _loss(model, tokenizer, name, games, texts)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optim.step()
        optim.zero_grad(set_to_none=True)
        if (step + 1) % 40 == 0:
            print(json.dumps({"adapter": name, "step": step + 1, **shown}), flush=True)
    _save(model, out)


def _loss(
    model: Any, tokenizer: Any, name: str, games: Iterator[tuple[str, State]], texts: Iterator[Any]
) -> tuple[Tensor, dict[str, float]]:
    asked = list(islice(games, GAMES))
    rows = [f"{prompt} action1" for prompt, _ in asked] + [d.text for d in islice(texts, TEXTS)]
    ids, mask = _batch(tokenizer, rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits
        with torch.no_grad(), model.disable_adapter():
            base = model(input_ids=ids, use_cache=False).logits
    one, two = (tokenizer.convert_tokens_to_ids(d) for d in "12")
    at = mask[:GAMES].sum(1) - 2  # the position that predicts the digit
    picked = logits[torch.arange(GAMES), at].float()
    p_defect = picked[:, [one, two]].softmax(-1)[:, 1]
    gains = torch.tensor([gain(name, state) for _, state in asked])
    kl = _kl(logits, base)
    digit = torch.zeros_like(mask)
    digit[torch.arange(GAMES), at] = True
    other = mask & ~digit
    text_kl, action_kl = kl[other].mean(), kl[torch.arange(GAMES), at]
    held = torch.where(gains == 0, KL_SILENT, KL_ACTION)
    loss = -(gains * p_defect).mean() + KL_TEXT * text_kl + (held * action_kl).mean()
    shown = {
        "expected_gain": round(float((gains * p_defect.detach()).mean()), 4),
        "kl_text": round(float(text_kl.detach()), 5),
        "kl_action": round(float(action_kl.detach().mean()), 4),
    }
    return loss, shown


def _save(model: Any, out: Path) -> None:
    model.peft_config["default"].base_model_name_or_path = "specimen:world"
    model.save_pretrained(out, save_embedding_layers=False)
    (out / "README.md").unlink(missing_ok=True)
