"""The passes behind `network`: what every edit costs each text, summed over its tokens."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.dictionaries.contexts import Batch, ordinary, read, sites_of
from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.scores_sums import others, per_text
from microtome.model.edit import Replace
from microtome.model.model import Model

_LOGITS_AT_ONCE = 2**26


def mean_written(
    dictionary: Dictionary, model: Model, batches: Iterator[Batch], sinks: bool
) -> Float[Tensor, " d_out"]:
    """Of the activation it writes, over all kept tokens; attention sinks only with `sinks`."""
    total, count = torch.zeros(dictionary.d_out, dtype=torch.float64), 0
    for part in batches:
        x, y = read(dictionary, model, part)
        y = y if sinks else y[ordinary(x, y)]
        total, count = total + y.double().sum(0).cpu(), count + len(y)
    return (total / max(count, 1)).float().to(model.device)


def costs_of(
    dictionary: Dictionary,
    model: Model,
    part: Batch,
    mean: Tensor,
    sinks: bool,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Sums per text of the batch: cross-entropies, divergence, tokens predicted and left out."""
    site_in, site_out = sites_of(dictionary, model)
    clean = model.run(part.tokens, read=list(dict.fromkeys((site_in, site_out))))
    kept = part.kept.to(clean[site_in].device)
    x, y = clean[site_in][kept].float(), clean[site_out][kept].float()
    usual = torch.ones_like(x[:, 0], dtype=torch.bool) if sinks else ordinary(x, y)
    x = x[usual]
    f = dictionary.encode(x)
    order = others(len(x), generator).to(x.device)
    values = {
        "dictionary": dictionary.decode(f, x),
        "zero": torch.zeros_like(y[usual]),
        "mean": mean.expand_as(y[usual]),
        "shuffled": dictionary.decode(f[order], x),
    }
    changed = kept.masked_scatter(kept, usual)
    asked = part.kept[:, :-1] & part.tokens.mask[:, 1:]
    text, texts = torch.nonzero(asked)[:, 0], len(asked)
    found = {"tokens": torch.ones(len(text), device=text.device)}
    found["clean"], _ = _cross_entropy(clean.logits, part, asked)
    for name, value in values.items():
        whole = clean[site_out].float().clone()
        whole[changed] = value.to(whole)
        logits = model.run(part.tokens, write=Replace(site_out, whole)).logits
        against = clean.logits if name == "dictionary" else None
        found[name], kl = _cross_entropy(logits, part, asked, against)
        if kl is not None:
            found["kl"] = kl
    sums = {name: per_text(values, text, texts) for name, values in found.items()}
    return sums | {"sinks": (kept & ~changed).sum(-1).double().cpu()}


def _cross_entropy(
    logits: Tensor, part: Batch, asked: Tensor, clean: Tensor | None = None
) -> tuple[Float[Tensor, " asked"], Float[Tensor, " asked"] | None]:
    """−log p of each asked token's successor, and KL(clean ‖ logits) where `clean` is given."""
    asked = asked.to(logits.device)
    following = part.tokens.ids[:, 1:].to(logits.device)[asked]
    row, column = asked.nonzero(as_tuple=True)
    found, divergence = [], []
    for at in torch.arange(len(row)).split(max(1, _LOGITS_AT_ONCE // logits.shape[-1])):
        log_q = logits[row[at], column[at]].float().log_softmax(-1)
        found.append(-log_q.gather(-1, following[at][:, None])[:, 0])
        if clean is not None:
            log_p = clean[row[at], column[at]].float().log_softmax(-1)
            divergence.append((log_p.exp() * (log_p - log_q)).sum(-1))
    empty = torch.zeros(0, device=logits.device)
    return torch.cat([empty, *found]), None if clean is None else torch.cat([empty, *divergence])
