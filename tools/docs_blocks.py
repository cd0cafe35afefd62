"""What the marks of README and docs say: answers with verdicts, tables, single numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

import pandas as pd

from docs_marks import Made
from docs_records import Demo, run_of
from microtome.files import read_json
from microtome.lab.answers import chipped, counted, number
from microtome.lab.record import Record, rate_of
from microtome.specimens import world
from microtome.studies import STUDIES

Finding = Mapping[str, Any]
WIDTH = 118
_KEPT = "\u00a0"
STATES = ("CC", "CD", "DC", "DD")
RANKINGS = {
    "spread": "`spread`, √(p₁ p₂)·D", "divergence": "`divergence`, D alone",
    "relative": "`relative`", "entropy": "`entropy`",
}  # fmt: skip


def makers(demo: Demo) -> dict[str, Callable[[], Made]]:
    """The text of every mark by its name."""

    def of(study: str, make: Callable[[Record], str]) -> Callable[[], Made]:
        return lambda: Made(make(demo.record(study)), run_of(study))

    every = {f"{study}.answers": of(study, answers) for study in STUDIES}
    return every | {
        "dilemmas.answers": of("dilemmas", lambda found: answers(found, of_dilemmas)),
        "dilemmas.choices": of(
            "dilemmas", lambda found: choices(found.table("behaviour_by_state"))
        ),
        "sampling.rankings": of("sampling", lambda found: rankings(found.table("fork_tops"))),
        "dictionaries.scores": lambda: Made(scores(_scored())),
        "specimen.parameters": lambda: Made(f"{parameters() / 1e6:.1f} million"),
    }


def answers(found: Record, wanted: Callable[[Finding], bool] = lambda _: True) -> str:
    """The verdicts in sum, then the findings under the question that they answer."""
    parts = [summary(found)]
    for name, text in found.manifest.questions.items():
        own = [one for one in found.findings if one["question"] == name and wanted(one)]
        if own:
            parts.append("\n".join([f"**{text}**", "", *map(item, own)]))
    return "\n\n".join(parts)


def summary(found: Record) -> str:
    """ "48 claims: 35 supported, 13 not supported. 23 of 23 audits pass." """
    claims = [one for one in found.findings if one["verdict"]]
    passed, level = sum(one["passed"] for one in found.audits), 1 - rate_of(found.manifest)
    return wrapped(
        f"{len(claims)} claim{'s' * (len(claims) != 1)}: {counted(claims)}. "
        f"{passed} of {len(found.audits)} audits pass. "
        f"Behind each answer stand its {level:.0%} interval, unadjusted, and q."
    )


def item(one: Finding) -> str:
    """One finding as an item of a list, with its verdict, interval and q."""
    proof = one["evidence"]
    sure = []
    if proof["low"] is not None and proof["high"] is not None:
        sure.append(f"{number(proof['low'])} to {number(proof['high'])}")
    if one["q"] is not None:
        sure.append(f"q = {one['q']:.2g}" if one["q"] >= 1e-4 else "q < 0.0001")
    text = chipped(one)
    if sure:
        end = f" ({'; '.join(sure)})".replace(" ", _KEPT).replace(_KEPT, " ", 1)
        text = f"{text.removesuffix('.')}{end}."
    return wrapped(f"- {text}", "  ")


def wrapped(text: str, indent: str = "") -> str:
    """Lines of at most `WIDTH`; what is kept together stays so."""
    lines = textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines.replace(_KEPT, " ")


def of_dilemmas(one: Finding) -> bool:
    """Claims on differences between models; choices have a table, descriptions the report."""
    about, unit = one["about"], one["evidence"]["unit"]
    if one["step"] in ("behaviour", "lens"):
        return bool(unit == "P(defect) − Base")
    if one["step"] == "attribution":
        return bool(about.startswith("Base → "))
    return one["verdict"] is not None


def choices(states: pd.DataFrame) -> str:
    """P(defect | state) of every model."""
    wide = states.pivot(index="label", columns="state", values="p_defect")
    rows = [
        [name, *(f"{wide.loc[name, s]:.2f}" for s in STATES)] for name in states["label"].unique()
    ]
    return table(["", *STATES], rows)


def rankings(tops: pd.DataFrame) -> str:
    """How often the top fork chooses the method, under every ranking, and a fork at random."""
    rows = []
    for name, words in RANKINGS.items():
        own = tops[(tops["ranking"] == name) & tops["chooses_method"].notna()]
        hits = int(own["chooses_method"].astype(bool).sum())
        rows.append([words, f"{hits} of {len(own)}", f"{own['p2'].median():.2g}"])
    drawn = tops.loc[tops["ranking"] == "divergence", "share_that_choose"].astype(float).mean()
    rows.append(["a fork drawn at random", f"{drawn:.0%}", ""])
    head = ["forks ranked by", "the top fork chooses the method in", "p₂ of the top fork (median)"]
    return table(head, rows)


def scores(found: Iterable[Mapping[str, Any]]) -> str:
    """FVU, L0, dead latents and recovered cross-entropy of every dictionary."""
    rows = [
        [one["name"], f"{one['d_dict']:,}", *(_ends(one[n]) for n in ("fvu", "l0")),
         f"{one['dead']:.1%}", _ends(one["ce_recovered"], ".3f")]
        for one in found
    ]  # fmt: skip
    return table(["dictionary", "latents", "FVU", "L0", "dead", "CE recovered"], rows)


def parameters() -> int:
    """Entries of the base model's weights, the tied unembedding counted once."""
    from safetensors import safe_open

    with safe_open(world.folder() / "model.safetensors", "pt") as held:
        shapes = [held.get_slice(name).get_shape() for name in held.keys()]  # noqa: SIM118
    return sum(map(prod, shapes))


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _scored() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_json(world.folder().parent / "dictionaries" / "scores.json")[
        "dictionaries"
    ]
    return found


def _ends(score: Mapping[str, float], shape: str = ".3g") -> str:
    return f"{score['value']:{shape}} ({score['low']:{shape}} to {score['high']:{shape}})"
