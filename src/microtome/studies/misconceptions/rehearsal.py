"""The stand-in of a dry run: a tiny random model with the target's tokenizer, random directions."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from microtome.studies.misconceptions.configuration import Configuration

_CONTROLS = 19
"""Random sets of a rehearsal, whose dictionaries are too narrow for many different ones."""


def stand_in(study: Configuration) -> dict[str, Any]:
    """The fields in which the rehearsed study differs: model, layers and dictionaries.

    A specimen is small enough to rehearse on itself.
    """
    if study.specimen:
        return {}
    from microtome.model.tiny import LAYERS, tiny_model

    folder = Path(tempfile.mkdtemp(prefix="microtome-stand-in-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    model = tiny_model(study.model, folder / "model", seed=study.seed)
    changes: dict[str, Any] = {"model": str(model), "adapter": "", "layers": tuple(range(LAYERS))}
    changes |= {"random_dictionary": True, "dictionaries": ""}
    changes |= {"controls": min(study.controls, _CONTROLS)}
    return changes | ({} if study.feature is None else {"layer": 0, "feature": 0})
