"""What the spread of completions shows: its largest layer, and halves that are not independent."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab import evidence
from microtome.lab.claims import Claim
from microtome.lab.study import Finding, Tables
from microtome.statistics import Interval, held_out_maximum, mean
from microtome.studies.sampling import effects
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import evidence_of, wide
from microtome.studies.sampling.spread_changes import QUESTION, hotter, longer

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_UNIT = "split-half variance / mean |z|²"


def variance_findings(settings: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """What temperature, layer and length do; sentences only where there are numbers."""
    greedy = 0.0 in study.temperatures
    if not settings:
        return [_nothing(tables["variance"], greedy)]
    last = max(row["checkpoint"] for row in settings)
    hottest = max(row["temperature"] for row in settings)
    here = [r for r in settings if r["checkpoint"] == last and r["temperature"] == hottest]
    if not all(r.get("split_half_relative") is not None for r in here):
        return [_only_total(here, last, hottest, study)]
    frame = tables["variance"]
    found = [_where(here, frame, greedy, study)]
    # Chosen beforehand: the layer of the largest spread would be the one most by chance.
    layer = here[study.layer_among([row["layer"] for row in here])]["layer"]
    own = frame[(frame["layer"] == layer) & frame["split_half"].notna()]
    found += hotter(own[own["checkpoint"] == last], layer, last, study)
    found += longer(own[own["temperature"] == hottest], layer, hottest, study)
    return found + _impossible(frame, study)


def _nothing(frame: "pd.DataFrame", greedy: bool) -> Finding:
    why = "T = 0 is one greedy completion, deterministic"
    if not (greedy and set(frame["temperature"]) == {0.0}):
        why = "fewer than four completions of a problem reach a checkpoint; take earlier ones"
    return Finding.stated(
        f"No variance is measured: {why}.", unit=_UNIT, n=int(frame["problem"].nunique()),
        about="spread", question=QUESTION, control="none: nothing was measured",
    )  # fmt: skip


def _where(here: Rows, frame: "pd.DataFrame", greedy: bool, study: Configuration) -> Finding:
    """The claim that completions of one problem differ, in the layer where they do most."""
    top = max(here, key=lambda row: row["split_half_relative"])
    last, hottest, other = top["checkpoint"], top["temperature"], top["control_relative"]
    cells = frame[(frame["checkpoint"] == last) & (frame["temperature"] == hottest)]
    layers = [row["layer"] for row in here]
    table = wide(cells, "split_half_relative", layers, "layer")
    spread, where, chosen = _largest(table, layers, study)
    at, size = f"At T = {hottest:g}, {last} tokens in,", f"{spread.value:.3f} of mean |z|²"
    detail = f"{chosen}{_top(top, spread)}{_COLD * greedy}"
    control = f"halves of different completions: {other:+.4f}"
    low = top.get("control_relative_low")
    claim = Claim(
        p=spread.p, least=effects.SPREAD, side=1,
        above=f"{at} completions of one problem differ {where}: {size}.",
        control_holds=None if low is None else low <= 0,
        false_in="halves of different completions paired",
    )  # fmt: skip
    return Finding(
        f"{at} that completions of one problem differ is not shown: {size}.",
        evidence_of(spread, _UNIT, control, detail, ".3f"),
        f"spread at T={hottest:g}, {last} tokens", QUESTION, claim,
    )  # fmt: skip


_COLD = " T = 0 is one greedy completion, deterministic: it has no variance."


def _top(row: dict[str, Any], spread: Interval) -> str:
    """The largest layer on all problems, named only where the held-out one is shown to vary."""
    if spread.ends is None or spread.ends[0] <= 0:
        return ""
    return (
        f" In layer {row['layer']}, the largest on all problems, the split half is "
        f"{row['split_half_relative']:.3f} and tr Cov {row['tr_cov_relative']:.3f} of mean |z|²; "
        f"the difference is token noise."
    )


def _largest(
    table: "np.ndarray", layers: list[int], study: Configuration
) -> tuple[Interval, str, str]:
    """The largest layer's variance on held-out problems, where it is, and how it was selected."""
    if len(table) < 2:
        spread = mean(table.max(1), at=study.at)
        return spread, "in some layer", "The largest layer of one problem, not held out."
    held = held_out_maximum(table, study.at)
    one, other = (layers[i] for i in held.chosen)
    where = f"most in layer {one}" if one == other else "in a layer that stays open"
    selected = (
        f"The largest layer, selected on one half of the problems and estimated on the other: "
        f"halves choose {one} and {other}."
    )
    return held.interval, where, selected


def _impossible(frame: "pd.DataFrame", study: Configuration) -> list[Finding]:
    """A variance is not negative; where more split halves are than by chance, they depend."""
    known = frame[frame["split_half_high"].notna()]
    if known.empty:
        return []
    known = known.assign(below=known["split_half_high"] < 0)
    chance = (1 - study.level) / 2
    share = evidence.mean(
        known, "below", by="problem", at=study.at, within=(0.0, 1.0), null=chance
    )  # fmt: skip
    size = f"{share.value:.1%} of split halves are significantly negative"
    claim = Claim(
        p=share.p, least=chance, null=chance, side=1,
        above=f"The halves of a completion are not independent: {size}.",
        false_in="halves that share nothing and err independently",
    )  # fmt: skip
    proof = evidence_of(
        share, "share of problem x T x checkpoint x layer",
        f"{chance:.1%} by chance if the truth were 0",
        f"A variance cannot be negative.{_worst(known, share, chance)}", ".3f",
    )  # fmt: skip
    answer = f"That the halves of a completion depend on each other is not shown: {size}."
    return [Finding(answer, proof, "split halves below 0", QUESTION, claim)]


def _worst(known: "pd.DataFrame", share: Interval, chance: float) -> str:
    """The layer of most such halves, where they are more than by chance."""
    if share.ends is None or share.ends[0] <= chance:
        return ""
    layer = known["layer"][known["below"]].mode()[0]
    return f" Most of them are in layer {layer}, where the tokens' order repeats with the stride."


def _only_total(here: Rows, last: int, hottest: float, study: Configuration) -> Finding:
    """tr Cov alone; no layer is compared, since the noise of tokens cannot be taken off."""
    top = here[study.layer_among([row["layer"] for row in here])]
    return Finding.stated(
        f"At T = {hottest:g}, {last} tokens in, tr Cov in layer {top['layer']}, token noise "
        f"included, is {top['tr_cov_relative']:.3f} of mean |z|².",
        top["tr_cov_relative"], top["tr_cov_relative_low"], top["tr_cov_relative_high"],
        unit="tr Cov / mean |z|²", n=top["problems"], about=f"spread at T={hottest:g}",
        question=QUESTION, control="none: the stride leaves one token, so there are no halves",
        detail="With one pooled token per completion the share of token noise is unknown.",
    )  # fmt: skip
