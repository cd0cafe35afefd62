"""Attribution by source token: a head's contribution to Δ, split over the positions it reads.

    write(l, h) = Σ_k A[t, k] · v_k W_O          contribution(k) = <g, postnorm(A[t, k] v_k W_O)>

at the last position t, with the post-norm's and the final norm's scales frozen at their real
values, so the sources sum to the head's direct contribution (`methods.attribution`). It says where
the written content was read, not why the head looked there. Elhage et al. 2021, "A mathematical
framework for transformer circuits".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import SiteError
from microtome.methods.patching.setting import expanded
from microtome.methods.readout import secant
from microtome.methods.result import Result
from microtome.model.direction import Direction
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import Site, attn_pattern, head_out, resid_post, v
from microtome.model.tokens import Tokens
from microtome.model.tolerance import tolerance

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Sources(Result):
    """Contributions to Δ at the last token, in logits; columns are real tokens, 0 past a row's end.

    `words` are each row's tokens.
    """

    nodes: tuple[str, ...]
    values: Float[Tensor, "batch node source"]
    words: tuple[tuple[str, ...], ...]
    audit: tuple[Audit, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One line per prompt, head and source: row, component, position, token, contribution."""
        return [
            {"row": b, "component": node, "position": p, "token": word,
             "contribution": float(self.values[b, n, p])}
            for b, words in enumerate(self.words)
            for n, node in enumerate(self.nodes)
            for p, word in enumerate(words)
        ]  # fmt: skip

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20, row: int = 0) -> list[tuple[str, int, str, float]]:
        """The k largest by magnitude in one prompt: head, position, token, contribution."""
        lines = [line for line in self.rows() if line["row"] == row]
        lines.sort(key=lambda line: -abs(line["contribution"]))
        keys = ("component", "position", "token", "contribution")
        return [tuple(line[key] for key in keys) for line in lines[:k]]


def source_tokens(
    model: Model,
    text: Text,
    direction: Direction,
    heads: Site | Sequence[Site] | None = None,
) -> Sources:
    """Split every head that `heads` names (default: all) over the tokens it reads.

    Reading patterns runs the model with eager attention.
    """
    Direction.demand(direction, "unembedding", "source_tokens")
    singles = expanded(model, head_out[:, :] if heads is None else heads)
    if wrong := [site for site in singles if site.kind != "head_out"]:
        raise SiteError(f"{wrong[0]} reads no tokens; give heads, for example head_out[5, 3].")
    layers = sorted({site.layer for site in singles})
    needed = [kind[layer] for kind in (attn_pattern, v, head_out) for layer in layers]
    run = model.run(text, read=[*needed, resid_post[-1]], logits="last")
    values = torch.stack([_split(run, site, direction) for site in singles], 1)
    whole = torch.stack([_whole(run, site, direction) for site in singles], 1)
    bound = tolerance(run.logits.dtype, least=1e-4)
    gap = (values.sum(-1) - whole).abs().max() / values.abs().sum(-1).max()
    ids = run.tokens.ids
    return Sources(
        nodes=tuple(site.component for site in singles),
        values=_without_padding(values, run.tokens),
        words=tuple(
            tuple(model.tokenizer.decode([i]) for i in row[mask].tolist())
            for row, mask in zip(ids, run.tokens.mask, strict=True)
        ),
        audit=(Audit("Σ sources = the head's contribution", float(gap), bound),),
    )


def _split(run: Run, site: Site, direction: Direction) -> Float[Tensor, "batch source"]:
    sizes = run.model.parts.sizes
    kv_head = site.head // (sizes["head"] // sizes["kv_head"])
    pattern = run.tokens.of_last(run[attn_pattern[site.layer, site.head]]).float()
    z = pattern[..., None] * run[v[site.layer, kv_head]].float()
    w_o = run.model.parts.w_o(site.layer, run.model.adapter)[site.head]
    return _read(run, site, z @ w_o.to(z.device), direction)


def _whole(run: Run, site: Site, direction: Direction) -> Float[Tensor, " batch"]:
    return _read(run, site, run.tokens.of_last(run.head_write(site))[:, None], direction)[:, 0]


def _read(
    run: Run, site: Site, write: Float[Tensor, "batch part d_model"], direction: Direction
) -> Float[Tensor, "batch part"]:
    """What parts of a head's write add to Δ, every norm's scale held at its real value."""
    post_norm = run.model.parts.post_norm(site.layer, "attn")
    if post_norm is not None:
        scale = post_norm.scale(run.tokens.of_last(run.caught["o_proj_out", site.layer]))
        write = post_norm.frozen(write, scale[:, None])
    final, norm = run.last(resid_post[-1]), run.model.parts.final_norm
    seen = norm.frozen(write.to(final.device), norm.scale(final)[:, None]).double()
    kappa = secant(run.model, final, direction)[:, None]
    return (seen @ direction.vector.double().to(seen.device) * kappa).cpu()


def _without_padding(values: Tensor, tokens: Tokens) -> Float[Tensor, "batch node source"]:
    """Columns counted over each row's real tokens."""
    found = torch.zeros_like(values)
    for row, mask in enumerate(tokens.mask):
        found[row, :, : int(mask.sum())] = values[row][:, mask.cpu()]
    return found
