"""The sampling study of random weights, with the labels of its comparisons exchanged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.null_studies.chain import Frames, computed, findings
from bench.null_studies.study import EXCHANGES, NullStudy
from microtome.lab.claims import Finding
from microtome.lab.study import Conclusion, Step
from microtome.model.tiny import tiny_model
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.decisions import CONDITIONS

Rng = np.random.Generator
_SMALL: dict[str, Any] = {
    "grader": "none", "n_problems": 8, "samples": 8, "temperatures": (0.7, 1.3),
    "checkpoints": (6, 12), "max_new_tokens": 12, "stride": 2, "interval": 3, "branch_tokens": 6,
    "continuations": 2, "top_n_points": 16, "cluster_samples": 24, "cluster_tokens": 12,
    "n_clusters": 2, "judged": 2, "dtype": "float32",
}  # fmt: skip


def worlds(number: int, folder: Path) -> Iterator[list[Finding]]:
    """A random model's completions, taken apart once; its tables exchanged several times."""
    model = tiny_model("specimen:world", folder / "model", seed=number)
    study = Sampling.demo().model_copy(update={**_SMALL, "model": str(model)})

    def after(study: Sampling, step: Step, made: Conclusion) -> Sampling:
        if step.name != "sensitivity":
            return study
        path = folder / "bifurcation_points.json"
        path.write_text(json.dumps(made.data["bifurcation_points"]))
        return study.model_copy(update={"bifurcations": path})

    run = computed(study, after)
    for exchange in range(EXCHANGES):
        yield findings(run, null, np.random.default_rng([number, exchange]))


def null(frames: Frames, rng: Rng) -> Frames:
    """The tables with what is compared exchanged at random, problem by problem."""
    problems = list(dict.fromkeys(frames["variance"]["problem"]))
    spread, far, forced = (frames[name] for name in ("variance", "manifold", "drift"))
    for column in ("temperature", "checkpoint"):
        exchange(spread, column, spread["problem"].isin(half(problems, rng)))
    spread["split_half_relative"] = spread["control_relative"]
    for own, other in (("relative", "relative_control"), ("percentile", "percentile_control")):
        turned = far["problem"].isin(half(problems, rng))
        far.loc[turned, [own, other]] = far.loc[turned, [other, own]].to_numpy()
    turned = forced["problem"].isin(half(problems, rng))
    arms = {"forced": "unforced", "unforced": "forced"}
    forced.loc[turned, "arm"] = forced.loc[turned, "arm"].replace(arms)
    _forks(frames, rng)
    _labels(frames, rng)
    return frames


def half(names: list[Any], rng: Rng) -> set[Any]:
    """Each of the names with a chance of one half."""
    return {name for name in names if rng.random() < 0.5}


def exchange(frame: Any, column: str, rows: Any) -> None:
    """The least and the largest value of a column change places in some rows."""
    ends = sorted(set(frame[column]))
    one, other = ends[0], ends[-1]
    frame.loc[rows, column] = frame.loc[rows, column].replace({one: other, other: one})


def _forks(frames: Frames, rng: Rng) -> None:
    """Fork and controls exchanged; top and random component, and the sign of what they do."""
    tables = [frames[name] for name in ("attribution_layers", "attribution_forks")]
    for problem in dict.fromkeys(tables[0]["problem"]):
        named = dict(zip(CONDITIONS, rng.permutation(CONDITIONS).tolist(), strict=True))
        for table in tables:
            rows = table["problem"] == problem
            table.loc[rows, "condition"] = table.loc[rows, "condition"].replace(named)
    ablated = frames["attribution_ablations"]
    places = list(dict.fromkeys(zip(ablated["problem"], ablated["t"], strict=True)))
    there = ablated.set_index(["problem", "t"]).index
    turned = there.isin(list(half(places, rng)) or [("", -1)])
    roles = {"top": "random", "random": "top"}
    ablated.loc[turned, "role"] = ablated.loc[turned, "role"].replace(roles)
    ablated["observed"] *= rng.choice([-1.0, 1.0], len(ablated))


def _labels(frames: Frames, rng: Rng) -> None:
    """The clusters' labels permuted among the solutions that a judge saw."""
    judged = frames["judged"]
    for _, rows in judged.groupby("problem", sort=False):
        ends = [rows[["left", "cluster_left"]], rows[["right", "cluster_right"]]]
        own = {item: cluster for end in ends for item, cluster in end.itertuples(index=False)}
        new = dict(zip(own, rng.permutation(list(own.values())).tolist(), strict=True))
        for side in ("left", "right"):
            judged.loc[rows.index, f"cluster_{side}"] = rows[side].map(new)
    apart = judged["cluster_left"] != judged["cluster_right"]
    pairs = judged["kind"] != "itself"
    judged.loc[pairs, "kind"] = np.where(apart[pairs], "between", "within")


STUDY = NullStudy(
    "sampling",
    "random weights; halves of different completions paired; temperatures, lengths, oracles, "
    "forced and free completions, forks and controls, top and random components exchanged within "
    "problems; signs of ablations and labels of clusters permuted",
    {
        "completions of one problem differ": "^spread at",
        "the halves of a completion depend on each other": "^split halves below 0",
        "the variance changes with temperature": "^T=",
        "the variance changes with length": "^length at",
        "another problem's oracle lies farther or nearer": "^another problem's oracle",
        "forcing the oracle's beginning changes the distance": "^drift",
        "the largest layer writes more at forks": "^largest (layer|component) against",
        "ablating the top component moves more than a random one": "^top component against",
        "its contribution predicts the sign of its ablation": "^sign of the ablation",
        "right solutions form separate groups": "^separate groups",
        "a judge tells clusters apart": "^judge",
    },
    {  # claims that are tried by tables alone
        "^wrong against right": (
            "wrong completions lie farther or nearer than right ones",
            "random weights solve nothing, so nothing is graded",
        ),
        "^top fork at the choice": (
            "the top fork chooses the method",
            "random text has no method",
        ),
        "^clusters against known": (
            "clusters agree with the known methods",
            "random text has no method",
        ),
    },
    worlds,
)
