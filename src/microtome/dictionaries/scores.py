"""How well a dictionary writes a model's activations, on texts and outside of the network.

    FVU     Σ‖y − ŷ‖² / Σ‖y − ȳ‖²          sums over all tokens, ȳ their mean, fp64
    legacy  mean over tokens of ‖y − ŷ‖² / ‖y − ȳ_batch‖², one less SAELens's
            `explained_variance_legacy`: every token weighs the same, and it changes with `batch`
    causal  the FVU in the norm vᵀGv of a metric matrix G, such as `causal_metric(model)`
    L0      features that fire per token;  density: share of the tokens where a feature fires
    dead    share of the features that fired nowhere in these texts

Intervals are bootstrapped over texts. Beside them stand the mean's FVU, which is 1, and the FVU
with every token given the codes of another one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.dictionaries.contexts import Reading, ordinary, read, rows_at_once
from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.scores_sums import Sums
from microtome.dictionaries.shown import shown
from microtome.errors import InputError
from microtome.model.model import Model
from microtome.statistics import Interval, Level
from microtome.statistics import ratio as ratio_of_sums

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Scores:
    """Reconstruction and sparsity; every Interval is over texts."""

    fvu: Interval
    fvu_legacy: Interval
    fvu_causal: Interval | None
    """In the metric that was given; None without one."""
    fvu_shuffled: Interval
    """The control: every token decoded from the codes of another."""
    l0: Interval
    norm_ratio: Interval
    """Mean ‖ŷ‖ over mean ‖y‖."""
    cosine: Interval
    dead: float
    unseen: float
    """At least this share of the features is dead here and would fire in more text (Chao 1987)."""
    density: Float[Tensor, " d_dict"]
    n_tokens: int
    n_texts: int
    n_cut: int
    """Texts longer than the context, of which only the beginning was read."""
    bos: bool
    """Whether beginning-of-sequence tokens count."""
    n_sinks: int
    """Attention sinks that were left out: tokens ten times as long as their batch's median."""
    audit: tuple[Audit, ...]

    def table(self) -> "pandas.DataFrame":
        """One line per score: value, interval, number of texts."""
        import pandas

        rows = [
            {"score": name, "value": one.value, "low": one.low, "high": one.high, "texts": one.n}
            for name, one in self._intervals().items()
        ]
        low = max(self.dead - self.unseen, 0.0)
        dead = {"score": "dead share", "value": self.dead, "low": low, "high": self.dead}
        return pandas.DataFrame([*rows, {**dead, "texts": self.n_texts}])

    def _intervals(self) -> dict[str, Interval]:
        found = {
            "FVU": self.fvu,
            "FVU, legacy": self.fvu_legacy,
            "FVU, causal": self.fvu_causal,
            "FVU, shuffled codes (control)": self.fvu_shuffled,
            "L0": self.l0,
            "norm ratio": self.norm_ratio,
            "cosine": self.cosine,
        }
        return {name: one for name, one in found.items() if one is not None}

    def _repr_html_(self) -> str:
        bos = "with" if self.bos else "without"
        return (
            f"{shown(self.table(), self.audit)}<p>{self.n_tokens} tokens, {bos} BOS, "
            f"{self.n_sinks} attention sinks left out</p>"
        )


def score(
    dictionary: Dictionary,
    model: Model,
    texts: Iterable[str],
    *,
    metric: Float[Tensor, "d_out d_out"] | None = None,
    batch: int = 16,
    context: int | None = None,
    max_tokens: int | None = None,
    bos: bool = False,
    sinks: bool = False,
    resamples: int = 1000,
    seed: int = 42,
) -> Scores:
    """The scores of `dictionary` on the activations of `model` over `texts`.

    `context` tokens of each text are read (512), and texts until `max_tokens` tokens count.
    Attention sinks are left out, as in training, unless `sinks`; they are counted.
    `metric` is a symmetric matrix with no negative eigenvalue. DictionaryError where dictionary
    and model do not fit, InputError without two tokens that differ.
    """
    reading = Reading(batch, context, max_tokens, bos)
    lift = None if metric is None else _lift(metric, dictionary.d_out).to(model.device)
    generator = torch.Generator().manual_seed(seed)
    sums = Sums(dictionary.to(model.device), lift, generator)
    rows, n_cut, n_sinks = rows_at_once(dictionary), 0, 0
    for part in reading.batches(model, texts):
        x, y = read(dictionary, model, part)
        usual = torch.ones(len(x), dtype=torch.bool) if sinks else ordinary(x, y).cpu()
        n_cut, n_sinks = n_cut + part.cut, n_sinks + int((~usual).sum())
        if usual.any():
            at = usual.to(x.device)
            sums.add(x[at], y[at], part.texts[usual.to(part.texts.device)], len(part.kept), rows)
    return replace(_scores(sums, bos, resamples, seed), n_cut=n_cut, n_sinks=n_sinks)


def causal_metric(model: Model) -> Float[Tensor, "d_model d_model"]:
    """G = Γ Cov(W_U) Γ, Γ the final norm's gain: a residual vector weighs what logits see of it.

    The causal inner product of Park, Choe & Veitch 2024 on the residual stream, up to the final
    norm's scale; fp64.
    """
    head = model.hf.get_output_embeddings().weight.detach().double()
    gained = head * model.parts.final_norm.gain.double()
    return torch.cov(gained.T)


def _lift(metric: Tensor, d: int) -> Tensor:
    """A with G = A Aᵀ, so that vᵀGv = ‖vA‖²."""
    if metric.shape != (d, d):
        raise InputError(
            f"The metric has shape {tuple(metric.shape)} and the dictionary writes vectors of "
            f"width {d}; give a matrix of {d} x {d}."
        )
    values, vectors = torch.linalg.eigh(metric.double())
    if not torch.isfinite(values).all() or values[0] < -1e-9 * values[-1].abs():
        raise InputError(
            "The metric has a negative eigenvalue, so it measures no length; give a covariance or "
            "another positive matrix."
        )
    return vectors * values.clamp(min=0).sqrt()


def _scores(sums: Sums, bos: bool, resamples: int, seed: int) -> Scores:
    tokens = sums.of("tokens") if sums.fired is not None else torch.zeros(0)
    used = tokens > 0
    variation = sums.plain.per_text() if len(tokens) else tokens
    if not float(variation.sum()) > 0:
        raise InputError(
            f"The texts hold {int(tokens.sum())} tokens that count, whose activations do not "
            f"differ; give more text (beginning-of-sequence tokens count only with bos=True)."
        )
    assert sums.fired is not None
    assert sums.texts_fired is not None

    at = Level(resamples=resamples, seed=seed)

    def ratio(top: Tensor, bottom: Tensor, most: float = float("inf")) -> Interval:
        numbers = top[used].numpy(), bottom[used].numpy()
        return ratio_of_sums(*numbers, at=at, within=(-most if most == 1 else 0.0, most))

    fvu = ratio(sums.of("error"), variation)
    shuffled = ratio(sums.of("error shuffled"), variation)
    causal = None
    if sums.lift is not None:
        causal = ratio(sums.of("error lifted"), sums.lifted.per_text())
    return Scores(
        fvu=fvu,
        fvu_legacy=ratio(sums.of("legacy"), tokens),
        fvu_causal=causal,
        fvu_shuffled=shuffled,
        l0=ratio(sums.of("active"), tokens),
        norm_ratio=ratio(sums.of("norm written"), sums.of("norm")),
        cosine=ratio(sums.of("cosine"), tokens, 1.0),
        dead=float((sums.fired == 0).double().mean()),
        unseen=_unseen(sums.texts_fired, int(used.sum())),
        density=sums.fired.double() / tokens.sum(),
        n_tokens=int(tokens.sum()),
        n_texts=int(used.sum()),
        n_cut=0,
        bos=bos,
        n_sinks=0,
        audit=_audits(sums, fvu, shuffled, variation),
    )


def _audits(sums: Sums, fvu: Interval, shuffled: Interval, variation: Tensor) -> tuple[Audit, ...]:
    mean_fvu = float(variation.sum()) / sums.plain.merged
    return (
        Audit("|FVU of the mean − 1|", abs(mean_fvu - 1), 1e-9, note="added up in two ways"),
        Audit("FVU, own against shuffled codes", fvu.value, shuffled.value, note="control"),
    )


def _unseen(texts_fired: Tensor, n: int) -> float:
    """Chao's lower bound on the features that fire in unseen texts only, as a share of all."""
    once, twice = int((texts_fired == 1).sum()), int((texts_fired == 2).sum())
    silent = int((texts_fired == 0).sum())
    more = (n - 1) / max(n, 1) * once * (once - 1) / (2 * (twice + 1))
    return min(more, silent) / len(texts_fired)
