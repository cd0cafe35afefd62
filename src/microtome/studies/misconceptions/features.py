"""Which features fire: the strongest per prompt and layer, and the sparse codes of every token.

`features.jsonl` lists the top features where each prompt is read (`reading.py`); the arrays
`codes_layer_<n>_{indices,values,offsets}` hold every token of every prompt, in the order of the
table `features_tokens`; `means_layer_<n>` holds every prompt's mean state, in the order of a
layer's rows in `features_fit`. Audit: the share of variance that each dictionary leaves on these
prompts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.audit import Audit
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.statistics import Interval, ratio
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.costs import pass_cost
from microtome.studies.misconceptions.fit import Fit
from microtome.studies.misconceptions.marking import named, stand_in_of
from microtome.studies.misconceptions.pairs import of_rows
from microtome.studies.misconceptions.reading import Read, Reading, read_codes, readings
from microtome.studies.misconceptions.shelf import layers_of
from microtome.studies.misconceptions.units import pair_units
from microtome.studies.misconceptions.warm import Warm

if TYPE_CHECKING:
    import pandas as pd

_MOST_UNEXPLAINED = 1.0


class Features(Step):
    """Top features per prompt and layer, and all sparse codes."""

    name = "features"
    version = 3
    summary = "Which features of the residual stream fire on each prompt, layer by layer."
    reads = (
        "layers", "dictionaries", "width", "average_l0", "random_dictionary", "topk", "read_at",
        "max_rows", "seed",
    )  # fmt: skip

    def units(self, study: Configuration) -> list[Unit]:
        return pair_units(study)

    def cost(self, study: Configuration) -> Cost:
        return pass_cost(study, passes=1, bytes_per_prompt=4000)

    def compute(self, unit: Unit, warm: Warm, study: Configuration) -> Product:
        rows: Any = unit.inputs["prompts"]
        read = readings(warm.model, of_rows(rows), study.read_at)
        own = {layer: warm.dictionaries[layer] for layer in layers_of(study)}
        codes = read_codes(warm.model, read, own, study.max_rows)
        arrays: dict[str, np.ndarray] = {}
        for layer, one in codes.items():
            arrays |= one.codes.arrays(layer)
            arrays[f"means_layer_{layer}"] = one.fit.mean
        tables = {
            "features": [r for layer in codes for r in _top(codes[layer], read, layer, study.topk)],
            "features_prompts": [{"unit": unit.name, **prompt_row(one)} for one in read],
            "features_tokens": [row for one in read for row in _token_rows(one, warm)],
            "features_fit": [row for n in codes for row in _fit_rows(codes[n], read, n)],
            "features_dictionaries": [_dictionary(warm, n, codes[n]) for n in codes],
        }
        return Product(tables, arrays)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        prompts, units = tables["features_prompts"], tables["features_dictionaries"]
        layers = map(int, units["layer"].unique())
        fits = {n: Fit.of_run(tables["features_fit"], arrays, n) for n in layers}
        found = _summed(units, fits)
        return Conclusion(
            findings=named([_said(found, fits, prompts, study)], stand_in_of(tables)),
            tables={"features_dictionaries": found},
            data={"features.jsonl": _lines(tables["features"], prompts)},
            audits=_audits(fits),
        )


def _top(found: Read, read: Sequence[Reading], layer: int, k: int) -> list[dict[str, Any]]:
    """The k strongest features of every prompt that fire at all."""
    values = found.pooled(read)
    rows = []
    for prompt, own in zip(read, values, strict=True):
        order = np.argsort(-own, kind="stable")[:k]
        rows += [
            {"id": prompt.prompt.id, "layer": layer, "rank": rank, "feature": int(f),
             "activation": float(own[f])}
            for rank, f in enumerate(order, start=1)
            if own[f] > 0
        ]  # fmt: skip
    return rows


def prompt_row(one: Reading) -> dict[str, Any]:
    """A prompt and where it is read, as columns."""
    prompt = one.prompt
    return {
        "id": prompt.id, "pair_id": prompt.pair_id, "label": prompt.label,
        "domain": prompt.domain, "role": prompt.role, "prompt": prompt.prompt,
        "concept": prompt.concept, "mistake": prompt.named,
        "read": one.how, "first": min(one.at), "last": max(one.at), "tokens": len(one.ids),
    }  # fmt: skip


def _token_rows(one: Reading, warm: Warm) -> list[dict[str, Any]]:
    return [
        {"id": one.prompt.id, "position": at, "token_id": token,
         "token": warm.model.tokenizer.decode([token]), "answer": at >= one.n_prompt}
        for at, token in enumerate(one.ids)
    ]  # fmt: skip


def _fit_rows(found: Read, read: Sequence[Reading], layer: int) -> list[dict[str, Any]]:
    return [
        {"id": one.prompt.id, "pair_id": one.prompt.pair_id, "layer": layer, **sums}
        for one, sums in zip(read, found.fit.rows(), strict=True)
    ]


def _dictionary(warm: Warm, layer: int, found: Read) -> dict[str, Any]:
    """What a dictionary is, and how many tokens one unit gave it."""
    own = warm.dictionaries[layer]
    origin = own.origin
    return {
        "layer": layer, "source": origin.source, "architecture": own.architecture,
        "format": origin.format, "sha256": origin.sha256, "stand_in": origin.stand_in,
        "stated_l0": _number(origin.facts.get("average_l0")), "d_dict": own.d_dict,
        "tokens": len(found.codes),
    }  # fmt: skip


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _audits(fits: dict[int, Fit]) -> list[Audit]:
    note = "More than 1: another site, another model, or a scale that is missing."
    return [
        Audit(f"variance unexplained at layer {layer}", one.fvu, _MOST_UNEXPLAINED, note=note)
        for layer, one in fits.items()
        if one.fvu is not None
    ]


def _summed(units: "pd.DataFrame", fits: dict[int, Fit]) -> list[dict[str, Any]]:
    """Each dictionary once, with L0 and FVU over all prompts; no FVU for a transcoder."""
    rows = []
    for layer, fit in fits.items():
        own = units[units["layer"] == layer]
        row = {str(k): v for k, v in own.iloc[0].items()}
        rows.append(row | {"l0": fit.l0, "fvu": fit.fvu, "tokens": int(own["tokens"].sum())})
    return rows


def _lines(top: "pd.DataFrame", prompts: "pd.DataFrame") -> list[dict[str, Any]]:
    """One line per prompt and layer."""
    about = prompts.set_index("id")
    return [
        {"id": name, "pair_id": about.at[name, "pair_id"], "label": about.at[name, "label"],
         "layer": int(str(layer)), "read": about.at[name, "read"],
         "topk_feature_ids": own["feature"].tolist(),
         "topk_feature_activations": own["activation"].tolist()}
        for (layer, name), own in top.groupby(["layer", "id"], sort=False)
    ]  # fmt: skip


def _said(
    found: list[dict[str, Any]], fits: dict[int, Fit], prompts: "pd.DataFrame", study: Configuration
) -> Finding:
    parts = [
        f"layer {row['layer']} {row['l0']:.3g} of {row['d_dict']} a token"
        + ("" if row["fvu"] is None else f", FVU {row['fvu']:.2g}")
        for row in found
    ]
    where = " and ".join(
        _where(str(how), int(n)) for how, n in prompts["read"].value_counts().items()
    )
    detail = f"Features that fire: {'; '.join(parts)}. Read {where}."
    fvu = _unexplained(fits, list(prompts["pair_id"]), study)
    if fvu is None:
        return Finding.stated(
            "A transcoder leaves no unexplained variance to measure.", n=len(prompts),
            about="features", question="dictionaries", detail=detail,
        )  # fmt: skip
    return Finding.stated(
        f"The features leave {fvu.value:.0%} of the variance on these prompts unexplained.",
        fvu.value, fvu.low, fvu.high, unit="FVU, mean over layers", n=len(prompts),
        about="features", control="the prompts' mean state in place of the features: 1",
        question="dictionaries", detail=detail,
    )  # fmt: skip


def _unexplained(
    fits: dict[int, Fit], pairs: Sequence[str], study: Configuration
) -> Interval | None:
    """Mean FVU over layers, with its interval over pairs; None without FVUs.

    With one layer it is Σ error / Σ variance. With several, each layer is scaled to a variance of 1
    and its error moved to the layers' mean, so that a pair weighs as it does in the mean of ratios.
    """
    shares = [one.fvu for one in fits.values()]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return None
    value, tops, bottoms = float(np.mean(known)), [], []
    for share, fit in zip(known, fits.values(), strict=True):
        variance = fit.variance
        tops.append((fit.error - (share - value) * variance) / variance.sum())
        bottoms.append(variance / variance.sum())
    return ratio(
        np.mean(tops, axis=0), np.mean(bottoms, axis=0), pairs, study.at,
        within=(0.0, np.inf), null=1.0,
    )  # fmt: skip


def _where(how: str, n: int) -> str:
    said = {
        "last": "at the last prompt token", "all": "as the mean over all tokens",
        "max": "as the largest over all tokens", "answer": "on the forced answer tokens",
        "concept": "at the concept word",
    }  # fmt: skip
    return f"{said[how]} ({n} prompts)"
