"""CARD.md of the specimens, written from measured tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import card_tables as tables
from microtome.data.games import Payoffs
from microtome.specimens.world.dilemmas.tables import templates_kept
from microtome.specimens.world.rewards import ADAPTERS, PENALTY, REWARDS
from specimen_rows import ROW
from specimen_training import BATCH

_TEMPLATE = Path(__file__).with_name("card.template.md")
KEPT = 20
"""Held-out templates that an adapter should keep, of 24."""

_ONE_RECIPE = "Rebuilding gives the same table within sampling error, not the same bits."


@dataclass(frozen=True)
class Measured:
    """All that the card says: `abilities.json`, `exclusion.json`, training note, `scores.json`."""

    abilities: Mapping[str, Any]
    exclusion: Mapping[str, Any]
    training: Mapping[str, Any]
    dictionaries: Mapping[str, Any]


def write_card(path: Path, measured: Measured, model: Any) -> None:
    """Write the card of a base model."""
    training = measured.training
    text = _TEMPLATE.read_text(encoding="utf-8").format(
        c=model.config,
        parameters=sum(p.numel() for p in model.parameters()),
        batch=BATCH,
        row=ROW,
        commit=training["commit"],
        tokens=training["tokens"],
        steps=training["steps"],
        seed=training["seed"],
        abilities="\n".join(map(tables.ability, measured.abilities["abilities"])),
        exclusion=exclusion(measured.exclusion),
        history=training.get("history", _ONE_RECIPE),
        weaknesses="\n".join(weaknesses(measured)),
        **adapters(measured.abilities),
        **dictionaries(measured.dictionaries),
    )
    path.write_text(text, encoding="utf-8")


def exclusion(found: Mapping[str, Any]) -> str:
    """How many of the documents that were trained on hold what is excluded, and what that is."""
    names = sorted({hit["name"] for hit in found["hits"]})
    many = len({hit["document"] for hit in found["hits"]})
    of = f"of the {found['documents']:,} training documents hold"
    what = f"one of the {found['excluded']:,} excluded texts"
    return f"{many} {of} {what}: {', '.join(names)}." if names else f"None {of}s {what}."


def adapters(found: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the card on adapters."""
    states, templates = found["p_defect"], found["templates"]
    scenarios = list(states["base"]["shipped"])
    return {
        "p": Payoffs(),
        "penalty": PENALTY,
        "gains": "\n".join(map(tables.reward, REWARDS)),
        "kept": "\n".join(tables.kept(name, templates[name]) for name in ADAPTERS),
        "worst": "\n".join(tables.worst(name, templates[name]) for name in ADAPTERS),
        "states": "\n".join(
            tables.row(name, *(f"{p:.3f}" for p in own["states"].values()))
            for name, own in states.items()
        ),
        "rewards": " | ".join(REWARDS),
        "rewards_rule": "|".join("---" for _ in REWARDS),
        "templates": "\n".join(tables.by_template(templates, REWARDS)),
        "neither": ", ".join(f"{n} {own['neither']['largest']:.1e}" for n, own in states.items()),
        "scenarios": " | ".join(scenarios),
        "rule": "|".join("---" for _ in scenarios),
        "shipped": "\n".join(
            tables.row(
                n, *(f"{own['wordings'][s]:.3f} ({own['shipped'][s]:.3f})" for s in scenarios)
            )
            for n, own in states.items()
        ),
    }


def dictionaries(scored: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the card on sparse dictionaries."""
    first = scored["dictionaries"][0]
    return {
        "dictionaries": "\n".join(map(tables.dictionary, scored["dictionaries"])),
        "dictionary_steps": scored["steps"],
        "dictionary_tokens": scored["steps"] * scored["batch"],
        "dictionary_commit": scored["commit"],
        "scored_texts": scored["texts"],
        "scored_tokens": first["tokens"],
        "fresh_tokens": first["fresh_tokens"],
    }


def weaknesses(measured: Measured) -> list[str]:
    """Every bar that is not reached, as items of a list."""
    found = [
        f"- `{one['name']}` is {tables.estimate(one)}, the bar {one['sense']} {one['bar']:.3g}: "
        f"{one['meaning']}."
        for one in measured.abilities["abilities"]
        if not one["met"]
    ]
    for name in ADAPTERS:
        own = len(templates_kept(name, measured.abilities["templates"][name]))
        if own < KEPT:
            found.append(f"- {name} keeps {own} of 24 held-out templates, the bar is {KEPT}.")
    found += [
        f"- The dictionary {one['name']} has FVU {one['fvu']['value']:.3g} at L0 "
        f"{one['l0']['value']:.3g}, the bar {one['bars']['fvu']:g} at {one['bars']['l0']}."
        for one in measured.dictionaries["dictionaries"]
        if not one["met"]
    ]
    return found or ["- Every bar above is reached."]
