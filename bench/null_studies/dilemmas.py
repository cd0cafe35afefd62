"""The dilemmas study of random weights and adapters, with labels and signs exchanged."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bench.null_studies.chain import Frames, computed, findings
from bench.null_studies.study import EXCHANGES, NullStudy
from microtome.data import games
from microtome.lab.claims import Finding
from microtome.model.source import adapter_source, model_source
from microtome.model.tiny import tiny_adapter, tiny_model
from microtome.studies.dilemmas import Dilemmas

Rng = np.random.Generator
BASE, ONE, OTHER = MODELS = ("base", "PT2_COREDe", "PT3_COREDe")
SCENARIOS = 10


def worlds(number: int, folder: Path) -> Iterator[list[Finding]]:
    """Three random models, patched both ways once; their tables exchanged several times."""
    model = tiny_model("specimen:world", folder / "model", seed=number)
    for i, name in enumerate(MODELS[1:]):
        like = adapter_source(name, model_source("specimen:world")).path
        tiny_adapter(like, model, folder / "adapters" / name, seed=1000 * number + i)
    study = Dilemmas(
        model=str(model), adapters=folder / "adapters", models=MODELS, dtype="float32",
        pairs=(f"{ONE}:{OTHER}", f"{OTHER}:{ONE}"), prompts=_prompts(folder), circuits=False,
    )  # fmt: skip
    run = computed(study)
    for exchange in range(EXCHANGES):
        yield findings(run, null, np.random.default_rng([number, exchange]))


def _prompts(folder: Path) -> Path:
    """One wording of each of ten scenarios, whose last moves come in turn."""
    moves = [(a, b) for a in ("Cooperate", "Defect") for b in ("Cooperate", "Defect")]
    lines = []
    for i in range(SCENARIOS):
        scenario = games.Scenario(f"s{i}", *moves[i % 4], "a scenario")
        (text,) = games.wordings(scenario, 1, i)
        lines.append(json.dumps({
            "scenario": scenario.name, "prompt": text, "state_self": scenario.state_self,
            "state_opp": scenario.state_opp,
        }))  # fmt: skip
    path = folder / "prompts.jsonl"
    path.write_text("\n".join(lines))
    return path


def null(frames: Frames, rng: Rng) -> Frames:
    """The tables with models exchanged within scenarios, and moves and signs between them."""
    own, lens = frames["behaviour"], frames["lens_statistics"]
    names = list(dict.fromkeys(own["scenario"]))
    called = {name: dict(zip(MODELS, rng.permutation(MODELS).tolist(), strict=True))
              for name in names}  # fmt: skip
    for table in (own, lens, frames["attribution_full"]):
        rename(table, "model", called)
    # Random weights give neither answer; what they would choose of the two is looked at.
    own["p_defect"] /= own["p_defect"] + own["p_cooperate"]
    own["p_cooperate"], own["p_neither"], lens["p_neither"] = 1 - own["p_defect"], 0.0, 0.0
    states = own.drop_duplicates("scenario").set_index("scenario")["state"]
    moved = dict(zip(states.index, rng.permutation(states.to_numpy()).tolist(), strict=True))
    own["state"] = own["scenario"].map(moved)
    for table, columns in _SIGNED:
        turn(frames[table], columns, names, rng)
    _pairs(frames["patching_results"], names, rng)
    return frames


_SIGNED = (
    ("lens_statistics", ("final_delta",)), ("attribution_full", ("contribution",)),
    ("patching_results", ("delta_change", "effect")), ("comparison_weights", ("without",)),
)  # fmt: skip


def rename(table: pd.DataFrame, column: str, called: dict[str, dict[str, str]]) -> None:
    """Other names in a column, scenario by scenario."""
    pairs = zip(table["scenario"], table[column], strict=True)
    table[column] = [called[scenario][name] for scenario, name in pairs]


def turn(table: pd.DataFrame, columns: tuple[str, ...], names: list[str], rng: Rng) -> None:
    """The signs of columns drawn at random for each scenario."""
    sign = dict(zip(names, rng.choice([-1.0, 1.0], len(names)), strict=True))
    for column in columns:
        table[column] *= table["scenario"].map(sign)


def _pairs(patches: pd.DataFrame, names: list[str], rng: Rng) -> None:
    """Source and receiver exchanged in half of the scenarios."""
    same, turned = {ONE: ONE, OTHER: OTHER}, {ONE: OTHER, OTHER: ONE}
    called = {name: same if rng.random() < 0.5 else turned for name in names}
    for column in ("source", "target"):
        rename(patches, column, called)
    patches.sort_values(["source", "target"], kind="stable", inplace=True)


STUDY = NullStudy(
    "dilemmas",
    "random weights; the three models' labels exchanged within scenarios, last moves between "
    "them; the signs of contributions, effects, losses and leanings drawn for each scenario",
    {
        "P(defect) hangs on the opponent's last move": r"\| P\(D \|",
        "P(defect) differs from Base": r"\| P\(defect\) − Base",
        "a model ends leaning to an action": r"^[^,→]* \| Δ logit \(D − C\)",
        "a component writes most": "largest contribution",
        "a component changes most": "largest change",
        "the mean Δ of a pair differ": ", gap ",
        "a component swapped alone changes Δ most": ", largest effect",
        "a component moves Δ towards its owner both ways": ", both ways",
        "suppressed components raise Δ more than random ones": ", suppressed",
        "a fine-tune loses part of its gap without some weights": ", weights",
    },
    {
        ", L[0-9]+H[0-9]+ ": (
            "a named component is unlike others of its kind",
            "the tiny model has 8 heads and a rank needs 20",
        ),
        "share of the gap$": (
            "a circuit carries more of the gap than random sets",
            "a set that is searched in random weights does carry more",
        ),
        "^circuits ": (
            "two circuits share more or fewer components than by chance",
            "circuits of one pair of random models do overlap",
        ),
    },
    worlds,
)
