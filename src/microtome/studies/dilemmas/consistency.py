"""How often each component flips the action: over prompts, and over scenarios.

A prompt counts where the receiver's answer does (`clear.py`). A component flips a scenario when
it flips more than half of the wordings that count.
"""

from typing import TYPE_CHECKING, Any

from microtome.studies.dilemmas.clear import clear
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.effects import PAIR, flipped, title
from microtome.studies.dilemmas.frames import groups

if TYPE_CHECKING:
    import pandas as pd


def consistency(results: "pd.DataFrame", study: Configuration) -> list[dict[str, Any]]:
    """One row per pair and component."""
    return [
        {
            "source": source,
            "target": target,
            "pair": title(source, target),
            "component": component,
            "kind": part["kind"].iloc[0],
            "layer": int(part["layer"].iloc[0]),
            **_counts(part, study),
        }
        for (source, target, component), part in groups(results, *PAIR, "component")
    ]


def _counts(part: "pd.DataFrame", study: Configuration) -> dict[str, Any]:
    counted = part[clear(part, study)]
    shares = counted.groupby("scenario", sort=False)["action_flipped"].mean()
    flips = flipped(part, study)
    return {
        "prompts_flipped": flips["flips"],
        "n_prompts": len(counted),
        "flipped_anywhere": flips["flips_anywhere"],
        "n_anywhere": len(part),
        "scenarios_flipped": int((shares > 0.5).sum()),
        "n_scenarios": len(shares),
        "consistency": float((shares > 0.5).mean()) if len(shares) else None,
    }
