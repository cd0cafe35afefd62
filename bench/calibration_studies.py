"""Whole studies at their smallest size in null worlds: how often any of their claims is supported.

Results are one line per world, so that a killed run goes on; the worlds of one random model are
made together.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.calibration_claims import lines
from bench.null_studies import dilemmas, misconceptions, sampling
from bench.null_studies.study import EXCHANGES, NullStudy
from microtome.lab.claims import Finding
from microtome.lab.verdicts import RATE, decidable, judge

STUDIES: tuple[NullStudy, ...] = (sampling.STUDY, dilemmas.STUDY, misconceptions.STUDY)


def simulate(worlds: int, path: Path, studies: Sequence[NullStudy] = STUDIES) -> None:
    """Make the worlds that are missing, all studies in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {(one["study"], one["model"]) for one in lines(path)}
    for number in range(-(-worlds // EXCHANGES)):
        for study in studies:
            if (study.study, number) in known:
                continue
            made = worlds_of(study, number)
            with path.open("a") as file:
                file.writelines(json.dumps(one) + "\n" for one in made)
            print(f"{made[-1]['seconds']:6.1f} s  {study.study}  model {number}", flush=True)


def worlds_of(study: NullStudy, number: int) -> list[dict[str, Any]]:
    """One line per world of a model, with the CPU seconds since the model was begun."""
    started, made = time.process_time(), []
    with tempfile.TemporaryDirectory(prefix="microtome-null-") as folder:
        for i, found in enumerate(study.worlds(number, Path(folder))):
            seconds = round(time.process_time() - started, 1)
            made.append({
                "study": study.study, "model": number, "exchange": i,
                "claims": verdicts(study, found), "seconds": seconds,
            })  # fmt: skip
    return made


def verdicts(study: NullStudy, found: Sequence[Finding]) -> dict[str, list[int]]:
    """Per claim: how many the world makes of it, how many can be decided and are supported.

    Judged are the claims that are false in this world, as one run.
    """
    named = [(study.claim_of(one), one) for one in found]
    own = [(name, one) for name, one in named if name is not None]
    counts: dict[str, Counter[str]] = {name: Counter() for name in study.claims}
    for (name, one), judged in zip(own, judge([one for _, one in own]), strict=True):
        assert one.claim is not None
        counts[name]["made"] += 1
        counts[name]["decidable"] += decidable(one.claim, RATE) and one.evidence.ends is not None
        counts[name]["supported"] += judged.verdict == "supported"
    kinds = ("made", "decidable", "supported")
    return {name: [own_[kind] for kind in kinds] for name, own_ in counts.items()}
