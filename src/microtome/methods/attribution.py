"""Direct logit attribution: who writes the logit gap, exactly.

    Δ = <g, x_L> + bias,  g = s(x_L)·gain_final ⊙ (W_U[plus] − W_U[minus])
    x_L = x_0 + Σ_l (Σ_h head(l,h) + b_O(l) + mlp(l))

Each write passes its post-norm (if any) with that norm's scale frozen at its real value, so the
parts sum to Δ before the soft-cap; one secant κ = Δ_capped/Δ turns every part into capped logits.
Completeness is checked per layer as well as in total, relative to Σ|parts|; what the residual
stream's own rounding adds (bf16) is a part of its own. Direct effects only: an upstream head that
works through a later one shows nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.methods.readout import delta_of_logits, delta_of_resid, secant
from microtome.methods.result import Result
from microtome.model.direction import Direction
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import attn_out, head_out, mlp_out, resid_post, resid_pre
from microtome.model.tolerance import tolerance

if TYPE_CHECKING:
    import pandas

Units = Literal["logits", "uncapped"]


@dataclass(frozen=True, eq=False)
class Attribution(Result):
    """Parts of Δ at each row's last token, in logits; they sum to `delta`.

    `attention_bias` is b_O per layer, `final_bias` the final norm's and unembedding's biases,
    `rounding` what the model's own arithmetic added to the residual stream. `kappa` is the factor
    from uncapped to capped logits already applied to every part (1 without a soft-cap).
    """

    heads: Float[Tensor, "batch layer head"]
    mlps: Float[Tensor, "batch layer"]
    embedding: Float[Tensor, " batch"]
    attention_bias: Float[Tensor, "batch layer"]
    final_bias: Float[Tensor, " batch"]
    rounding: Float[Tensor, " batch"]
    delta: Float[Tensor, " batch"]
    kappa: Float[Tensor, " batch"]
    direction: Direction
    audit: tuple[Audit, ...]

    def table(self) -> "pandas.DataFrame":
        """One line per row of the batch and part: row, component, kind, layer, contribution."""
        import pandas

        return pandas.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """The table as dictionaries."""
        return [line for row in range(len(self.delta)) for line in self._row(row)]

    def top(self, k: int = 20, row: int | None = None) -> dict[str, list[tuple[str, float]]]:
        """The k largest contributions for plus and for minus; the mean over rows by default."""
        parts = self._named(row)
        falling = sorted(parts.items(), key=lambda item: -item[1])
        return {
            "plus": [item for item in falling[:k] if item[1] > 0],
            "minus": [item for item in falling[::-1][:k] if item[1] < 0],
        }

    def _named(self, row: int | None) -> dict[str, float]:
        """Heads and MLPs by name: the components that `top` ranks."""
        pick = (lambda x: x.mean(0)) if row is None else (lambda x: x[row])
        heads, mlps = pick(self.heads), pick(self.mlps)
        named = {
            f"L{layer}H{head}": float(heads[layer, head])
            for layer in range(heads.shape[0])
            for head in range(heads.shape[1])
        }
        return named | {f"L{layer}_MLP": float(value) for layer, value in enumerate(mlps)}

    def _row(self, row: int) -> list[dict[str, Any]]:
        n_layers, n_heads = self.heads.shape[1:]
        lines: list[tuple[str, str, int | None, float]] = [
            ("embedding", "embedding", None, float(self.embedding[row]))
        ]
        for layer in range(n_layers):
            for head in range(n_heads):
                value = float(self.heads[row, layer, head])
                lines.append((f"L{layer}H{head}", "head", layer, value))
            bias = float(self.attention_bias[row, layer])
            lines.append((f"L{layer}_ATTN_BIAS", "bias", layer, bias))
            lines.append((f"L{layer}_MLP", "mlp", layer, float(self.mlps[row, layer])))
        lines.append(("final_bias", "bias", None, float(self.final_bias[row])))
        lines.append(("rounding", "rounding", None, float(self.rounding[row])))
        return [
            {"row": row, "component": c, "kind": k, "layer": n, "contribution": v}
            for c, k, n, v in lines
        ]


def attribute(
    model: Model, text: Text | Run, direction: Direction, *, units: Units = "logits"
) -> Attribution:
    """Split Δ at each row's last token into heads, MLPs, embedding and biases.

    `text` is anything `model.run` takes, or a Run that read `SITES`. `units="uncapped"` leaves the
    parts before the soft-cap.
    """
    Direction.demand(direction, "unembedding", "attribute")
    run = text if isinstance(text, Run) else model.run(text, read=SITES, logits="last")
    model = run.model
    final = run.last(resid_post[-1])
    norm = model.parts.final_norm
    scale = norm.scale(final).double()
    vector = direction.vector.double().to(final.device)

    def read(write: Tensor) -> Tensor:
        """<g, write> for writes "*any batch d_model"."""
        write = write.double().to(final.device)
        if norm.centred:
            write = write - write.mean(-1, keepdim=True)
        return (scale * norm.gain.double() * write) @ vector

    heads, biases = _attention(model, run, read)
    mlps = torch.stack([read(run.last(mlp_out[n])) for n in range(model.n_layers)])
    attn = torch.stack([read(run.last(attn_out[n])) for n in range(model.n_layers)])
    embedding = read(run.last(resid_pre[0]))
    bias = 0.0 if norm.bias is None else float(norm.bias.double() @ vector)
    final_bias = torch.full_like(embedding, bias + direction.bias)
    summed = run.last(resid_pre[0]).double()
    for n in range(model.n_layers):
        writes = run.last(attn_out[n]).double() + run.last(mlp_out[n]).double()
        summed = summed + writes.to(summed.device)
    rounding = read(final.double() - summed.to(final.device))
    delta = delta_of_resid(model, final, direction, capped=False)
    total = heads.sum((0, 1)) + biases.sum(0) + mlps.sum(0) + embedding + final_bias + rounding
    mass = heads.abs().sum((0, 1)) + mlps.abs().sum(0) + embedding.abs() + final_bias.abs()
    per_layer = ((heads.sum(1) + biases - attn).abs() / mass).max()
    capped = units == "logits"
    kappa = secant(model, final, direction) if capped else torch.ones_like(delta)
    bound = tolerance(final.dtype)
    audits = [
        Audit("completeness: Σ parts = Δ", float(((total - delta).abs() / mass).max()), bound),
        Audit("completeness per layer: heads + bias = attention", float(per_layer), bound),
        Audit("rounding share of Σ|parts|", float((rounding.abs() / mass).max()), bound),
    ]
    if direction.tokens:
        own = delta_of_logits(run.final_logits, direction).to(final.device)
        read_out = delta_of_resid(model, final, direction, capped=True)
        gap = (read_out - own).abs().max() / run.final_logits.abs().max().clamp(min=1.0)
        audits.append(Audit("Δ that is split = the model's own", float(gap), bound))
    return Attribution(
        heads=(heads * kappa).permute(2, 0, 1),
        mlps=(mlps * kappa).T,
        embedding=embedding * kappa,
        attention_bias=(biases * kappa).T,
        final_bias=final_bias * kappa,
        rounding=rounding * kappa,
        delta=delta * kappa,
        kappa=kappa,
        direction=direction,
        audit=tuple(audits),
    )


def _attention(model: Model, run: Run, read: Any) -> tuple[Tensor, Tensor]:
    """<g, head write> "layer head batch" and <g, b_O> "layer batch"."""
    heads, biases = [], []
    for layer in range(model.n_layers):
        heads.append(
            torch.stack([read(run.last(head_out[layer, h])) for h in range(model.n_heads)])
        )
        bias = model.parts.b_o(layer)
        post_norm = model.parts.post_norm(layer, "attn")
        if bias is None:
            biases.append(torch.zeros_like(heads[-1][0]))
        elif post_norm is None:
            biases.append(read(bias.expand(len(run.tokens.ids), -1)))
        else:
            o = run.tokens.of_last(run.caught["o_proj_out", layer])
            biases.append(read(post_norm.frozen(bias.expand_as(o), post_norm.scale(o))))
    return torch.stack(heads), torch.stack(biases)


SITES = (resid_pre[0], resid_post[:], head_out[:, :], attn_out[:], mlp_out[:])


def component_names(n_layers: int, n_heads: int) -> Sequence[str]:
    """Every head, attention and MLP of a model of this size, layer by layer."""
    return [
        name
        for layer in range(n_layers)
        for name in (*(f"L{layer}H{h}" for h in range(n_heads)), f"L{layer}_ATTN", f"L{layer}_MLP")
    ]
