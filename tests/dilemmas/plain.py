"""A second patcher that shares no code with the engine: PEFT merged into transformers, and hooks.

A head's write is W_O z, taken before any post-norm; an attention's, an MLP's and a layer's output
are taken behind theirs. What is replaced takes another model's recording, at every position.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


@dataclass
class Plain:
    """One fine-tune; `seen` holds z of o_proj, and outputs of attention, MLP and layer."""

    base: Path
    adapter: Path | None
    seen: dict = field(default_factory=dict)

    def __post_init__(self):
        model = AutoModelForCausalLM.from_pretrained(self.base, dtype=torch.float32)
        if self.adapter is not None:
            model = PeftModel.from_pretrained(model, self.adapter).merge_and_unload()
        self.model, self.instead = model.eval(), {}
        self.tokenizer = AutoTokenizer.from_pretrained(self.base)
        self.width = model.config.head_dim
        for i, layer in enumerate(model.model.layers):
            layer.self_attn.o_proj.register_forward_hook(self._heads(i))
            layer.post_attention_layernorm.register_forward_hook(self._whole(f"L{i}_ATTN"))
            layer.post_feedforward_layernorm.register_forward_hook(self._whole(f"L{i}_MLP"))
            layer.register_forward_hook(self._whole(f"L{i}_resid_post"))

    @property
    def heads_and_mlps(self):
        config = self.model.config
        layers, heads = range(config.num_hidden_layers), range(config.num_attention_heads)
        return [f"L{i}H{h}" for i in layers for h in heads] + [f"L{i}_MLP" for i in layers]

    def write(self, name, z):
        """What one head adds: its columns of W_O times its z."""
        layer, head = map(int, name[1:].split("H"))
        own = slice(head * self.width, (head + 1) * self.width)
        weight = self.model.model.layers[layer].self_attn.o_proj.weight
        return z[..., own] @ weight[:, own].T

    def fork(self, prompt):
        """Token ids up to where the two answers part, and the two ids there."""
        one, two = (self.tokenizer(f"{prompt} {a}")["input_ids"] for a in ("action1", "action2"))
        at = next(i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b)
        return torch.tensor([one[:at]]), one[at], two[at]

    @torch.no_grad()
    def delta(self, prompt, donor=None, names=()):
        """logit(defect) − logit(cooperate), with `names` taken from what `donor` saw last."""
        ids, cooperate, defect = self.fork(prompt)
        self.instead = dict.fromkeys(names, donor)
        logits = self.model(ids, use_cache=False).logits[0, -1].double()
        self.instead = {}
        return float(logits[defect] - logits[cooperate])

    def _heads(self, layer):
        def hook(module, inputs, out):
            z = inputs[0]
            for name, donor in self.instead.items():
                if name.startswith(f"L{layer}H"):
                    theirs = donor.write(name, donor.seen[f"L{layer}_z"])
                    out = out + theirs - self.write(name, z)
            self.seen[f"L{layer}_z"] = z
            return out

        return hook

    def _whole(self, name):
        def hook(module, inputs, out):
            value = out[0] if isinstance(out, tuple) else out
            if name in self.instead:
                value = self.instead[name].seen[name]
            self.seen[name] = value
            return (value, *out[1:]) if isinstance(out, tuple) else value

        return hook


def signed_share(effects, gaps):
    """Σ sign(gap)·effect / Σ|gap|."""
    towards = sum(e if g > 0 else -e for e, g in zip(effects, gaps, strict=True))
    return towards / sum(map(abs, gaps))
