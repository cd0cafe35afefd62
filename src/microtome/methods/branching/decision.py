"""Which layers decide between two tokens at a fork, and whether a component does what it writes.

`decide` splits logit(first) − logit(second) exactly (`microtome.methods.attribution`). `seed`
gives the original's formula, Contrib_l = (W_U[first] − W_U[second])ᵀ (h_l − h_{l−1}), with h as
transformers returns hidden states: the last one is already normed. It leaves out the final norm's
scale and gain, the embedding and the soft-cap, so it does not sum to the logit difference.
`ablate` replaces one component's write at the fork by its mean over the prefix: predicted is what
its direct contribution then changes with the norms frozen, observed what the model's Δ changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.methods.attribution import SITES, Attribution, attribute
from microtome.methods.readout import delta_of_logits, normed
from microtome.model.direction import Direction
from microtome.model.edit import Ablate
from microtome.model.model import Model
from microtome.model.run import Run
from microtome.model.site import Site, parse_site, resid_post, resid_pre
from microtome.model.tolerance import tolerance


@dataclass(frozen=True, eq=False)
class Decision:
    """The parts of Δ = logit(first) − logit(second) after a prefix; they sum to `delta`.

    `attention` (heads and output bias) and `mlp` are per layer; `rest` is embedding, final biases
    and rounding together; `gap` is what the parts miss of the model's own Δ.
    """

    run: Run
    direction: Direction
    split: Attribution
    delta: float

    @property
    def attention(self) -> Float[Tensor, " layer"]:
        return self.split.heads[0].sum(-1) + self.split.attention_bias[0]

    @property
    def mlp(self) -> Float[Tensor, " layer"]:
        return self.split.mlps[0]

    @property
    def embedding(self) -> float:
        return float(self.split.embedding[0])

    @property
    def rest(self) -> float:
        """Biases and rounding."""
        return float(self.split.final_bias[0] + self.split.rounding[0])

    @property
    def gap(self) -> float:
        """Δ of the model's own logits less the sum of the parts."""
        parts = float(self.attention.sum() + self.mlp.sum()) + self.embedding + self.rest
        return self.delta - parts

    @property
    def mass(self) -> float:
        """Σ|parts|: what a gap is relative to, as Δ itself may be 0."""
        parts = self.split.heads.abs().sum() + self.split.mlps.abs().sum()
        return float(parts) + abs(self.embedding) + abs(self.rest)

    def audit(self) -> Audit:
        """Σ parts = the model's own logit difference, relative to Σ|parts|."""
        bound = tolerance(self.run.final_logits.dtype, least=1e-4)
        name = "Σ parts = logit top 1 − top 2, relative to Σ|parts|"
        return Audit(name, abs(self.gap) / self.mass, bound)

    def top(self) -> str:
        """The head or MLP that writes most, to either side."""
        both = self.split.top(1)
        return max((*both["plus"], *both["minus"]), key=lambda item: abs(item[1]))[0]


def decide(model: Model, ids: Sequence[int], first: int, second: int) -> Decision:
    """Split logit(first) − logit(second) after the prefix `ids`."""
    run = model.run([list(ids)], read=SITES, logits="last")
    direction = between(model, first, second)
    delta = float(delta_of_logits(run.final_logits, direction)[0])
    return Decision(run, direction, attribute(model, run, direction), delta)


def between(model: Model, first: int, second: int) -> Direction:
    """W_U[first] − W_U[second], also for ids that padding has put beyond the tokenizer's own."""
    head = model.parts.hf.get_output_embeddings()
    one, two = head.weight.detach()[[first, second]].float()
    bias = 0.0 if head.bias is None else float(head.bias[first] - head.bias[second])
    label = " − ".join(repr(model.tokenizer.decode([i])) for i in (first, second))
    return Direction(one - two, "unembedding", label, (first, second), bias)


def seed(decision: Decision) -> Float[Tensor, " layer"]:
    """The original's un-normalised contribution of every layer; not a decomposition of Δ."""
    run, n_layers = decision.run, decision.run.model.n_layers
    states = [run.last(resid_pre[0])[0], *(run.last(resid_post[n])[0] for n in range(n_layers - 1))]
    device = run.final_logits.device
    states = [state.double().to(device) for state in states]
    states.append(normed(run.model, run.last(resid_post[-1])[0]).to(device))
    vector = decision.direction.vector.double().to(device)
    return torch.stack([(b - a) @ vector for a, b in pairwise(states)])


@dataclass(frozen=True)
class Ablation:
    """What ablating a component changed Δ by, in logits, and what its contribution predicted."""

    component: str
    contribution: float
    predicted: float
    observed: float


def ablate(decision: Decision, component: str) -> Ablation:
    """Put the mean of a component's write over the prefix (BOS aside) at the fork."""
    run, model, site = decision.run, decision.run.model, parse_site(component)
    writes = run[site][0]
    mean = writes[min(1, len(writes) - 1) :].float().mean(0)
    norm, final = model.parts.final_norm, run.last(resid_post[-1])
    change = norm.frozen((mean - writes[-1].float()).to(final.device), norm.scale(final))[0]
    kappa = float(decision.split.kappa[0])
    predicted = kappa * float(change.double() @ decision.direction.vector.double().to(final.device))
    edited = model.run([run.tokens.ids[0].tolist()], write=_mean(site, mean), logits="last")
    after = float(delta_of_logits(edited.final_logits, decision.direction)[0])
    return Ablation(component, _written(decision, site), predicted, after - decision.delta)


def _mean(site: Site, mean: Tensor) -> Ablate:
    return Ablate(site, mean, positions=(-1,), frozen=site.kind == "head_out")


def _written(decision: Decision, site: Site) -> float:
    if site.kind == "head_out":
        return float(decision.split.heads[0, site.layer, site.head])
    return float(decision.split.mlps[0, site.layer])
