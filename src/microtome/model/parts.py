"""An anatomy applied to a loaded model: its modules, projections and norms.

Modules are looked up when asked for, because attaching an adapter replaces them.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from microtome.errors import AnatomyError
from microtome.model.adapters import AdapterBank, is_float
from microtome.model.anatomy import Anatomy


@dataclass(frozen=True)
class Norm:
    """A norm as data: y = s·gain ⊙ (x − mean·centred) + bias, everything in fp32."""

    gain: Float[Tensor, " d_model"]
    bias: Float[Tensor, " d_model"] | None
    eps: float
    centred: bool

    def scale(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch 1"]:
        """s at x, in fp32."""
        x = x.float()
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        return torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def frozen(
        self, part: Float[Tensor, "*batch d_model"], scale: Float[Tensor, "*#batch 1"]
    ) -> Float[Tensor, "*batch d_model"]:
        """What a summand of the norm's input becomes with the scale held fixed (no bias)."""
        part = part.float()
        if self.centred:
            part = part - part.mean(-1, keepdim=True)
        return scale * self.gain * part


@dataclass(frozen=True)
class Parts:
    """The parts of one Hugging Face model that its anatomy names."""

    hf: Any
    anatomy: Anatomy
    bank: AdapterBank

    @property
    def config(self) -> Any:
        return self.hf.config.get_text_config()

    @property
    def sizes(self) -> dict[str, int]:
        """The number of layers, heads and key/value heads, by the name of the axis."""
        heads = self.config.num_attention_heads
        kv_heads = getattr(self.config, "num_key_value_heads", None) or heads
        return {"layer": self.config.num_hidden_layers, "head": heads, "kv_head": kv_heads}

    @property
    def d_model(self) -> int:
        return int(self.config.hidden_size)

    @property
    def d_head(self) -> int:
        return int(getattr(self.config, "head_dim", None) or self.d_model // self.sizes["head"])

    def module(self, path: str) -> nn.Module:
        """A module by its path from the model's root."""
        try:
            return self.hf.get_submodule(path)
        except AttributeError as error:
            raise AnatomyError(
                f"The anatomy of {self.anatomy.family!r} names {path!r}, which this model does "
                f"not have ({error}). Correct the entry."
            ) from error

    def block(self, layer: int, path: str = "") -> nn.Module:
        """A block, or a module in it by its path relative to the block."""
        return self.module(f"{self.anatomy.blocks}.{layer}{'.' if path else ''}{path}")

    def norm(self, module: nn.Module) -> Norm:
        weight: Any = module.weight
        bias: Any = getattr(module, "bias", None)
        return Norm(
            gain=weight.detach().float() + self.anatomy.norm_offset,
            bias=None if bias is None else bias.detach().float(),
            eps=float(getattr(module, self.anatomy.norm_eps)),
            centred=self.anatomy.centred,
        )

    def post_norm(self, layer: int, sublayer: str) -> Norm | None:
        """The norm between a sublayer ("attn" or "mlp") and the residual stream, if any."""
        path = getattr(self.anatomy, f"{sublayer}_post_norm")
        return None if path is None else self.norm(self.block(layer, path))

    @property
    def final_norm(self) -> Norm:
        return self.norm(self.module(self.anatomy.final_norm))

    def normed(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """x after a norm of this model without its gain and bias, in fp32."""
        norm, x = self.final_norm, x.float()
        return norm.scale(x) * (x - x.mean(-1, keepdim=True) if norm.centred else x)

    def w_o(self, layer: int, adapter: str | None) -> Float[Tensor, "head d_head d_model"]:
        """The output projection per head in fp32, the adapter's delta included."""
        weight = self.bank.weight(self.block(layer, self.anatomy.o_proj), adapter)
        weight = weight if self.anatomy.transposed else weight.T
        return weight.reshape(self.sizes["head"], self.d_head, self.d_model)

    @property
    def has_float_heads(self) -> bool:
        """Whether every output projection can be split into heads exactly."""
        paths = (self.block(layer, self.anatomy.o_proj) for layer in range(self.sizes["layer"]))
        return all(is_float(module) for module in paths)

    def b_o(self, layer: int) -> Float[Tensor, " d_model"] | None:
        return self.bank.bias(self.block(layer, self.anatomy.o_proj))

    def down(
        self, layer: int, act: Float[Tensor, "*batch d_mlp"], adapter: str | None
    ) -> Float[Tensor, "*batch d_model"]:
        """Neurons times the weights that lead out of them, bias and adapter included (fp32)."""
        module = self.block(layer, self.anatomy.down_proj)
        weight, bias = self.bank.weight(module, adapter), self.bank.bias(module)
        out = act.float() @ (weight if self.anatomy.transposed else weight.T).to(act.device)
        return out if bias is None else out + bias

    def projection(self, kind: str, layer: int) -> tuple[nn.Module, list[slice]]:
        """The module that makes q, k or v, and the columns of its output for each head."""
        module, width = self.block(layer, self.anatomy.projections[kind]), self.d_head
        counts = {"q": self.sizes["head"], "k": self.sizes["kv_head"], "v": self.sizes["kv_head"]}
        start, stride = 0, width
        if self.anatomy.interleaved:
            start, stride = "qkv".index(kind) * width, 3 * width
        elif self.anatomy.fused:
            start = sum(counts[other] for other in "qkv"[: "qkv".index(kind)]) * width
        starts = [start + head * stride for head in range(counts[kind])]
        return module, [slice(s, s + width) for s in starts]
