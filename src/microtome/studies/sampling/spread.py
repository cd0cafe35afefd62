"""Spread over problems: variance per temperature, layer and checkpoint, with intervals."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Arrays
from microtome.methods import latents
from microtome.statistics import mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import columns_of, groups

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_MEANS = ("effective_rank", "eigenscore")
_INTERVALS = {
    "tr_cov": (0.0, np.inf), "tr_cov_relative": (0.0, np.inf), "split_half": (-np.inf, np.inf),
    "split_half_relative": (-np.inf, np.inf), "control_relative": (-np.inf, np.inf),
}  # fmt: skip
"""What is given an interval over problems, and the range that it can take."""


def settings_table(frame: "pd.DataFrame", arrays: Arrays, study: Configuration) -> Rows:
    """One row per temperature, checkpoint and layer: means over the problems that have a value."""
    if "tr_cov" not in frame:
        return []
    order = {layer: i for i, layer in enumerate(dict.fromkeys(frame["layer"]))}
    places = {checkpoint: i for i, checkpoint in enumerate(sorted(set(study.checkpoints)))}
    found = []
    for (t, checkpoint, layer), part in groups(frame, "temperature", "checkpoint", "layer"):
        known = part[part["tr_cov"].notna()]
        if known.empty:
            continue
        row = {
            "temperature": t, "checkpoint": checkpoint, "layer": layer,
            "problems": len(known), "completions": int(known["n"].sum()),
        }  # fmt: skip
        for name, within in _INTERVALS.items():
            if name in known and known[name].notna().all():
                row |= columns_of(
                    mean(known[name], list(known["problem"]), study.at, within=within), name
                )
        row |= {name: float(known[name].mean()) for name in _MEANS}
        means = [
            arrays["variance_means"][f"{problem} T={t:g}"][places[checkpoint], order[layer]]
            for problem in known["problem"]
        ]
        found.append({**row, **_shares(known, np.stack(means))})
    return found


def _shares(known: "pd.DataFrame", means: "np.ndarray") -> dict[str, float | None]:
    """within / (within + between problems), by tr Cov and by the split halves."""
    if len(known) < 2:
        return {"share_within": None, "share_within_split_half": None}
    total = known["tr_cov"].to_numpy(float)
    parts = latents.variance_components(means[:, None], total[:, None], known["n"])
    own = float(known["split_half"].mean()) if "split_half" in known else None
    split = None
    if own is not None and np.isfinite(own):
        split = float(np.clip(own / (own + parts.between[0]), 0, 1)) if own > 0 else 0.0
    return {"share_within": float(parts.relative[0]), "share_within_split_half": split}
