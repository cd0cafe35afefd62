"""What a dictionary's error costs the network that runs on its reconstructions.

    CE recovered = (H_ablated − H_dictionary) / (H_ablated − H_clean)      "1-CE" is one less that

with H the cross-entropy in nats per predicted token and the site ablated to zero or to its mean
over the same texts; beside them KL(clean ‖ dictionary), the increase H_dictionary − H_clean, and
the control: the same with every token given the reconstruction from another token's codes.
Where ablating costs nothing (the interval of H_ablated − H_clean reaches 0, as at many an MLP)
there is no share to recover: it is NaN and an audit fails. Intervals are over texts;
BOS and attention sinks, on which no dictionary is trained, are left as they are; what BOS
predicts is left out.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from microtome.audit import Audit
from microtome.dictionaries.contexts import Reading
from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.network_passes import costs_of, mean_written
from microtome.dictionaries.shown import shown
from microtome.errors import InputError
from microtome.model.model import Model
from microtome.statistics import Interval, Level
from microtome.statistics import ratio as ratio_of_sums

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Network:
    """Cross-entropies in nats per predicted token, and what they come to."""

    ce: Interval
    ce_dictionary: Interval
    ce_zero: Interval
    ce_mean: Interval
    ce_shuffled: Interval
    increase: Interval
    kl: Interval
    recovered: Interval
    """Against zero ablation; NaN where that costs nothing."""
    recovered_mean: Interval
    """Against mean ablation, the harder baseline; NaN where that costs nothing."""
    recovered_shuffled: Interval
    """The control, against zero ablation."""
    recovered_mean_shuffled: Interval
    """The control, against mean ablation."""
    n_tokens: int
    n_texts: int
    n_cut: int
    n_sinks: int
    """Attention sinks that kept their activations."""
    audit: tuple[Audit, ...]

    @property
    def lost(self) -> Interval:
        """ "1-CE": one less CE recovered, against zero ablation."""
        one = self.recovered
        low, high = (None if end is None else 1 - end for end in (one.high, one.low))
        return Interval(1 - one.value, low, high, one.level, one.n, one.clusters)

    def table(self) -> "pandas.DataFrame":
        """One line per number: value, interval, unit, number of texts."""
        import pandas

        nats = {
            "CE, clean": self.ce,
            "CE, reconstructed": self.ce_dictionary,
            "CE, zero ablation": self.ce_zero,
            "CE, mean ablation": self.ce_mean,
            "CE, shuffled codes (control)": self.ce_shuffled,
            "increase in CE": self.increase,
            "KL(clean ‖ reconstructed)": self.kl,
        }
        shares = {
            "CE recovered, zero baseline": self.recovered,
            "CE recovered, mean baseline": self.recovered_mean,
            "CE recovered, zero baseline, shuffled codes (control)": self.recovered_shuffled,
            "CE recovered, mean baseline, shuffled codes (control)": self.recovered_mean_shuffled,
            "1-CE": self.lost,
        }
        return pandas.DataFrame(
            {"score": k, "value": v.value, "low": v.low, "high": v.high, "unit": unit, "texts": v.n}
            for unit, found in (("nats per token", nats), ("share", shares))
            for k, v in found.items()
        )

    def _repr_html_(self) -> str:
        return shown(self.table(), self.audit)


def network(
    dictionary: Dictionary,
    model: Model,
    texts: Iterable[str],
    *,
    batch: int = 8,
    context: int | None = None,
    max_tokens: int | None = None,
    bos: bool = False,
    sinks: bool = False,
    resamples: int = 1000,
    seed: int = 42,
) -> Network:
    """Run the network on reconstructions; six passes over the texts.

    Attention sinks (ten times as long as their batch's median) keep their activations unless
    `sinks`; they are counted.
    """
    reading, held = Reading(batch, context, max_tokens, bos), list(texts)
    dictionary = dictionary.to(model.device)
    mean = mean_written(dictionary, model, reading.batches(model, held), sinks)
    generator = torch.Generator().manual_seed(seed)
    parts, n_cut = [], 0
    for part in reading.batches(model, held):
        parts.append(costs_of(dictionary, model, part, mean, sinks, generator))
        n_cut += part.cut
    sums = {name: torch.cat([one[name] for one in parts]).numpy() for name in parts[0]}
    used = sums["tokens"] > 0
    if not used.any():
        raise InputError("No text has two tokens after BOS; give longer texts.")
    return _network({k: v[used] for k, v in sums.items()}, n_cut, resamples, seed)


def _network(sums: dict[str, np.ndarray], n_cut: int, resamples: int, seed: int) -> Network:
    at = Level(resamples=resamples, seed=seed)

    def ratio(top: np.ndarray, bottom: np.ndarray) -> Interval:
        return ratio_of_sums(top, bottom, at=at, null=0.0)

    tokens, clean, zero = sums["tokens"], sums["clean"], sums["zero"]
    mean, own, shuffled = sums["mean"], sums["dictionary"], sums["shuffled"]
    zero_costs, mean_costs = ratio(zero - clean, tokens), ratio(mean - clean, tokens)
    own_ce, shuffled_ce = ratio(own, tokens), ratio(shuffled, tokens)

    def share(ablated: np.ndarray, of: np.ndarray, costs: Interval) -> Interval:
        if _end(costs) > 0:
            return ratio(ablated - of, ablated - clean)
        why = "ablating costs nothing: there is no share to recover"
        return Interval(math.nan, None, None, costs.level, costs.n, costs.clusters, reason=why)

    return Network(
        ce=ratio(clean, tokens),
        ce_dictionary=own_ce,
        ce_zero=ratio(zero, tokens),
        ce_mean=ratio(mean, tokens),
        ce_shuffled=shuffled_ce,
        increase=ratio(own - clean, tokens),
        kl=ratio(sums["kl"], tokens),
        recovered=share(zero, own, zero_costs),
        recovered_mean=share(mean, own, mean_costs),
        recovered_shuffled=share(zero, shuffled, zero_costs),
        recovered_mean_shuffled=share(mean, shuffled, mean_costs),
        n_tokens=int(tokens.sum()),
        n_texts=len(tokens),
        n_cut=n_cut,
        n_sinks=int(sums["sinks"].sum()),
        audit=(
            Audit(
                "zero ablation costs nats", _end(zero_costs), 0.0, ">=", "else no share to recover"
            ),
            Audit(
                "mean ablation costs nats", _end(mean_costs), 0.0, ">=", "else no share to recover"
            ),
            Audit(
                "CE, own against shuffled codes", own_ce.value, shuffled_ce.value, note="control"
            ),
        ),
    )


def _end(one: Interval) -> float:
    return one.value if one.low is None else one.low
