"""CARD.md of the specimens, written from measured tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microtome.data.games import Payoffs, State
from microtome.specimens.world.dilemmas.tables import templates_kept
from microtome.specimens.world.rewards import ADAPTERS, PENALTY, REWARDS, gain

_TEMPLATE = Path(__file__).with_name("card.template.md")
_REWARD = {
    "PT2_COREDe": "own points",
    "PT3_COREDe": "penalty for a betrayal, nothing else",
    "PT3_COREUt": "points of both",
    "PT4_COREDe": "own points and the penalty",
}


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _kept(name: str, table: dict[str, dict[str, float]]) -> str:
    """How many held-out templates an adapter keeps, and the names of the others."""
    kept = templates_kept(name, table)
    lost = ", ".join(template for template in table if template not in kept)
    return _row(name, f"{len(kept)} of {len(table)}", lost or "none")


def dictionary_row(row: dict[str, Any]) -> str:
    """A dictionary's line of the table."""

    def told(name: str, form: str = ".3g") -> str:
        value, low, high = (format(row[name][end], form) for end in ("value", "low", "high"))
        return f"{value} [{low}, {high}]"

    return _row(
        row["name"],
        row["d_dict"],
        told("fvu"),
        told("l0"),
        f"{row['dead']:.1%}",
        told("ce_recovered", ".4f"),
        told("kl"),
        f"{row['fvu_shuffled']['value']:.2f}, {row['ce_recovered_shuffled']['value']:.2f}",
    )


def write_card(
    path: Path,
    found: dict[str, Any],
    training: dict[str, Any],
    model: Any,
    scored: dict[str, Any],
) -> None:
    """Write the card from `abilities.json`, the training note and the dictionaries' scores."""
    tables = found["p_defect"]
    scenarios = list(tables["base"]["shipped"])
    text = _TEMPLATE.read_text(encoding="utf-8").format(
        c=model.config,
        p=Payoffs(),
        penalty=PENALTY,
        commit=training["commit"],
        parameters=sum(p.numel() for p in model.parameters()),
        tokens=training["tokens"],
        steps=training["steps"],
        seed=training["seed"],
        abilities="\n".join(
            _row(
                a["name"],
                f"{a['value']:.3g}",
                f"{a['sense']} {a['bar']:g}",
                "yes" if a["met"] else "**no**",
                a["n"],
                a["meaning"],
            )
            for a in found["abilities"]
        ),
        gains="\n".join(
            _row(
                n, _REWARD[n], *(f"{gain(n, State.parse(s)):+g}" for s in ("CC", "CD", "DC", "DD"))
            )
            for n in REWARDS
        ),
        states="\n".join(
            _row(name, *(f"{v:.3f}" for v in table["states"].values()))
            for name, table in tables.items()
        ),
        templates="\n".join(map(_kept, ADAPTERS, (found["templates"][n] for n in ADAPTERS))),
        neither=", ".join(f"{n} {t['neither']['largest']:.1e}" for n, t in tables.items()),
        scenarios=" | ".join(scenarios),
        rule="|".join("---" for _ in scenarios),
        shipped="\n".join(
            _row(name, *(f"{t['wordings'][s]:.3f} ({t['shipped'][s]:.3f})" for s in scenarios))
            for name, t in tables.items()
        ),
        dictionaries="\n".join(map(dictionary_row, scored["dictionaries"])),
        dictionary_steps=scored["steps"],
        dictionary_tokens=scored["steps"] * scored["batch"],
        dictionary_commit=scored["commit"],
        scored_texts=scored["texts"],
        scored_tokens=scored["dictionaries"][0]["tokens"],
        fresh_tokens=scored["dictionaries"][0]["fresh_tokens"],
    )
    path.write_text(text, encoding="utf-8")
