"""What the clusters show: how many there are, and whether they are methods."""

from typing import TYPE_CHECKING, Any

from microtome.lab import evidence
from microtome.lab.claims import Claim, Evidence
from microtome.lab.study import Finding, Tables
from microtome.methods.clusters import FEWEST, LEVEL
from microtome.statistics import Interval
from microtome.studies.sampling import effects
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import PROBLEMS, evidence_of
from microtome.studies.sampling.grouping import powers
from microtome.studies.sampling.judge_found import QUESTION, judge_finding

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_ARI = (-0.5, 1.0)
"""Range of the adjusted Rand index (Chacón & Rastrojo 2023)."""


def cluster_findings(tables: Tables, passed: Rows, study: Configuration) -> list[Finding]:
    """The sentences of the step."""
    frame = tables["clusterings"]
    done = frame[frame["refused"].isna()]
    found = [_passed(passed[0], frame, study)] if passed else []
    if done.empty:
        return [*found, _none(frame)]
    control = _apart_alone(tables.get("cluster_controls"), study)
    found += [_separate(done, *control, study), _how_many(done, tables, control[1], study)]
    if done["methods"].notna().any():
        found += _methods(done, tables, study)
    if "judged" in tables and not tables["judged"].empty:
        found.append(judge_finding(tables["judged"], study))
    return found


def _none(frame: "pd.DataFrame") -> Finding:
    return Finding.stated(
        f"No problem had enough right solutions to cluster ({frame['refused'].iloc[0]}).",
        0.0, unit="problems clustered", n=len(frame), about="clusters", question=QUESTION,
        detail="Sample more, ask for fewer clusters, or insist with force.",
    )  # fmt: skip


def _passed(row: dict[str, Any], frame: "pd.DataFrame", study: Configuration) -> Finding:
    rest = int(frame["n"].sum() - frame["read"].sum())
    return Finding(
        f"At T = {study.cluster_temperature:g} {row['pass']:.0%} of completions are right; only "
        f"these are clustered.",
        Evidence(
            row["pass"], row["low"], row["high"], "pass@1", row["problems"],
            f"completions from which no answer was read: {rest}",
            f"{int(frame['correct'].sum())} of {int(frame['n'].sum())} completions.",
        ),
        "right ones", QUESTION,
    )  # fmt: skip


def _separate(
    done: "pd.DataFrame", holds: bool | None, control: str, study: Configuration
) -> Finding:
    """The claim that problems have several groups, beyond the level of the tests for them."""
    apart = done.assign(apart=done["k"] > 1)
    found = evidence.mean(
        apart, "apart", by="problem", at=study.at, within=(0.0, 1.0), null=LEVEL
    )  # fmt: skip
    many = f"{int(apart['apart'].sum())} of {len(done)} problems"
    claim = Claim(
        p=found.p, least=effects.SHARE, null=LEVEL, side=1, control_holds=holds,
        above=f"{_who(study)} form separate groups in {many}.",
        false_in="solutions of one cloud; the solutions of one method alone",
    )  # fmt: skip
    proof = evidence_of(
        found, "share of problems with K > 1", control,
        f"The tests' level allows {LEVEL:.0%}. Layer {int(done['layer'].iloc[0])}.{_single(done)}",
    )  # fmt: skip
    answer = f"That {_who(study).lower()} form separate groups is not shown: K > 1 in {many}."
    return Finding(answer, proof, "separate groups", QUESTION, claim)


def _who(study: Configuration) -> str:
    return "Solutions" if study.grader == "none" else "Right solutions"


def _how_many(done: "pd.DataFrame", tables: Tables, control: str, study: Configuration) -> Finding:
    """K of the problems, a description: the claim that there are groups stands before it."""
    most = max(study.cluster_samples // FEWEST, int(done["k"].max()))
    number = evidence.mean(done, "k", by="problem", at=study.at, within=(1, most))
    numbers = done["k"].astype(int).tolist()
    each = ", ".join(f"K = {k} in {numbers.count(k)}" for k in sorted(set(numbers)))
    left = len(tables["clusterings"]) - len(done)
    refused = f"; {left} had too few right solutions" if left else ""
    stable = done["stability_kmeans"].astype(float).mean()
    return Finding(
        f"{_who(study)} are parted into {number.value:.1f} groups a problem, one among the "
        f"possible answers.",
        evidence_of(
            number, "clusters",
            f"{control}; K-means with K = {study.n_clusters}: stability {stable:.2f}",
            f"{each} of {len(done)} problems{refused}.", ".1f",
        ),
        "number of clusters", QUESTION,
    )  # fmt: skip


def _apart_alone(controls: "pd.DataFrame | None", study: Configuration) -> tuple[bool | None, str]:
    """Whether sets of one method alone read as several groups no more than the level allows."""
    if controls is None or controls.empty:
        return None, "no set of one known method to try"
    controls = controls.assign(apart=controls["k"] > 1)
    share = evidence.share(controls, "apart", by="problem", at=study.at)
    some = f"{int(controls['apart'].sum())} of {len(controls)}"
    words = f"sets of one method alone that read as more than one group: {some} ({_ends(share)})"
    holds = share.value <= LEVEL or (share.ends is not None and not share.excludes(LEVEL))
    return holds, words


def _single(done: "pd.DataFrame") -> str:
    """What a K of 1 means: the verdicts, and the power of the test that saw no groups."""
    alone = done[done["k"] == 1]
    if alone.empty:
        return ""
    counts = alone["verdict"].value_counts(sort=False)
    words = "; ".join(f"{verdict} ({n})" for verdict, n in counts.items())
    return f" K = 1 reads: {words}. {_power(alone)}"


def _power(rows: "pd.DataFrame") -> str:
    """The power of the test for one cloud at the median number of solutions."""
    n, d = int(rows["clustered"].median()), int(rows["d"].iloc[0])
    found = ", ".join(
        f"{power:.2f} at {name.split('_')[1]} sd" for name, power in powers(n, d).items()
    )
    return f"Power to see two groups in {n} solutions of {d} dimensions: {found}."


def _methods(done: "pd.DataFrame", tables: Tables, study: Configuration) -> list[Finding]:
    several = done[done["methods"] >= 2]
    found = [_agreement(several, study)] if len(several) else []
    controls = tables.get("cluster_controls")
    if controls is not None and len(controls):
        found.append(_one_method(controls, several, study))
    return found


def _agreement(several: "pd.DataFrame", study: Configuration) -> Finding:
    """The claim that the chosen clusters agree with the known methods."""
    ari = evidence.mean(several, "ari", by="problem", at=study.at, within=_ARI)
    plain, shuffled = (several[n].astype(float).mean() for n in ("ari_kmeans", "ari_shuffled"))
    claim = Claim(
        p=ari.p, least=effects.AGREEMENT, side=1,
        above=f"The chosen clusters agree with the known methods: ARI {ari.value:.2f}.",
        false_in="the clusters' labels permuted",
    )  # fmt: skip
    proof = evidence_of(
        ari, "adjusted Rand index", f"labels permuted: {shuffled:+.2f}",
        f"Where two or more methods occur; K-means with K = {study.n_clusters}: {plain:.2f}.",
    )  # fmt: skip
    answer = (
        f"That the chosen clusters agree with the known methods is not shown: ARI {ari.value:.2f}."
    )
    return Finding(answer, proof, "clusters against known methods", QUESTION, claim)


def _one_method(controls: "pd.DataFrame", several: "pd.DataFrame", study: Configuration) -> Finding:
    """A description, as the absence of groups needs power: it stands in the detail.

    Methods of one problem share its numbers, so problems are resampled.
    """
    controls = controls.assign(single=(controls["k"] == 1).astype(float), clustered=controls["n"])
    share = evidence.share(controls, "single", by="problem", at=study.at)
    split = f"{(several['k'] == 1).mean():.0%}" if len(several) else "none occurs"
    return Finding(
        f"The solutions of one method alone read as one cluster in "
        f"{int(controls['single'].sum())} of {len(controls)} sets.",
        evidence_of(
            share, "share with K = 1", f"solutions of several methods with K = 1: {split}",
            _power(controls),
        ),
        "one method alone", QUESTION,
    )  # fmt: skip


def _ends(interval: Interval) -> str:
    return evidence.worded(interval, PROBLEMS)
