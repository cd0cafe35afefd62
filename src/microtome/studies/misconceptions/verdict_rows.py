"""The verdicts as tables: a row per feature, and a row per feature and misconception."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Tables
from microtome.statistics import Floats, Interval, benjamini_hochberg, mean
from microtome.statistics.detectable import detectable
from microtome.studies.misconceptions.ablate_report import summary
from microtome.studies.misconceptions.candidates import HELD_OUT, Candidate
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Feature, Sides
from microtome.studies.misconceptions.factoring import signed
from microtome.studies.misconceptions.judging import (
    Judgement,
    crossed_of,
    effects_of,
)

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]


def candidates_in(tables: Tables) -> list[Candidate]:
    """The features that were ablated one at a time, the surest first."""
    rows = tables["verdicts_features"].to_dict("records")
    found = [
        Candidate(
            Feature(int(row["layer"]), int(row["feature"])), row["found_by"], str(row["side"]),
            float(row["mean"]), float(row["d_z"]), float(row["p_max_t"]),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.p, -abs(one.d_z)))


def judgements(
    chosen: Sequence[Candidate], sides: Mapping[str, Sides], tables: Tables, study: Configuration
) -> list[Judgement]:
    """All three parts of every candidate."""
    causes = _causes(chosen, tables, study)
    return [
        Judgement(one, own, crossed_of(one, sides, study.at), cause, study.alpha)
        for one, own, cause in zip(chosen, effects_of(chosen, sides, study.at), causes, strict=True)
    ]


def _causes(chosen: Sequence[Candidate], tables: Tables, study: Configuration) -> Rows:
    """The ablation of every candidate, with q over all of them (Benjamini and Hochberg)."""
    made = [
        summary(
            {"layer": one.feature.layer, "side": one.side, "features": str(one.feature.number)},
            _of(tables["verdicts_results"], one.feature),
            _of(tables["verdicts_controls"], one.feature), study,
        )
        for one in chosen
    ]  # fmt: skip
    q = benjamini_hochberg([row["p_random"] for row in made])
    return [row | {"q_random": float(one)} for row, one in zip(made, q, strict=True)]


def _of(frame: "pd.DataFrame", feature: Feature) -> "pd.DataFrame":
    own = frame["features"].astype(str) == str(feature.number)
    return frame[(frame["layer"] == feature.layer) & own]


def verdict_row(one: Judgement) -> dict[str, Any]:
    """A feature with its three parts, and the numbers that each rests on."""
    own, effects, cause = one.candidate, one.effects, one.cause
    cells: dict[str, Any] = {
        "layer": own.feature.layer, "feature": own.feature.number, "side": own.side,
        "found_by": own.by, "predicts": one.predicts, "causes": one.causes,
        "specific": one.specific, "factor": effects.verdict, "complete": one.complete,
        "selected_mean": own.mean,
    }  # fmt: skip
    named = {"inside": effects.inside, "outside": effects.alone["outside"],
             "content": effects.alone["content"], "words": effects.alone.get("words"),
             "crossed": one.crossed}  # fmt: skip
    for name, interval in named.items():
        cells |= {f"{name}_{part}": value for part, value in _cells(interval).items()}
    kept = ("n_random", "random_max", "p_random", "q_random")
    return cells | {
        "p": one.p, "change": cause["mean_change"], "change_low": cause["low"],
        "change_high": cause["high"], "change_n": cause["n"],
        **{name: cause[name] for name in kept},
    }  # fmt: skip


def _cells(found: Interval | None) -> dict[str, Any]:
    return {part: getattr(found, part, None) for part in ("value", "low", "high", "n")}


def mistake_rows(
    one: Judgement, sides: Mapping[str, Sides], mistakes: Mapping[str, str], study: Configuration
) -> Rows:
    """A feature's effect on each misconception, and the least effect its pairs could show.

    The spread is that of pairs around their misconception's mean, over all of them.
    """
    own = sides[HELD_OUT[one.candidate.by]]
    values = signed(one.candidate.feature, one.candidate.side, own)
    names = np.array([mistakes[pair] for pair in own.pairs])
    by_name = {str(name): values[names == name] for name in dict.fromkeys(names)}
    spread = _spread(list(by_name.values()))
    return [_mistake(one.candidate, name, part, spread, study) for name, part in by_name.items()]


def _mistake(
    one: Candidate, name: str, values: Floats, spread: float, study: Configuration
) -> dict[str, Any]:
    found, least = mean(values, at=study.at), detectable(spread, len(values), study.at)
    return {
        "layer": one.feature.layer, "feature": one.feature.number, "side": one.side,
        "mistake": name, "n": len(values), "value": found.value, "low": found.low,
        "high": found.high, "p": found.p, "least": one.least,
        "detectable": least if np.isfinite(least) else None,
        "decides": found.ends is not None and bool(least <= one.least),
    }  # fmt: skip


def _spread(groups: Sequence[Floats]) -> float:
    """Standard deviation within groups; nothing is known of it where each holds one value."""
    rest = sum(len(group) - 1 for group in groups)
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    return float(np.sqrt(squares / rest)) if rest else float("inf")
