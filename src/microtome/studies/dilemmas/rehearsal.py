"""The stand-in of a dry run: tiny and random, with the target's tokenizer and adapters' shape."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.models import adapter_of


def stand_in(study: Configuration) -> dict[str, Any]:
    """The fields in which the rehearsed study differs: model and adapters, both random and tiny.

    A specimen is small enough to rehearse on itself.
    """
    if study.model.startswith("specimen:"):
        return {}
    from microtome.model.tiny import tiny_adapter, tiny_model

    folder = Path(tempfile.mkdtemp(prefix="microtome-stand-in-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    model = tiny_model(study.model, folder / "model", seed=study.seed)
    for i, name in enumerate(study.adapter_names()):
        adapter = Path(adapter_of(study, name))
        tiny_adapter(adapter, model, folder / "adapters" / name, seed=study.seed + i)
    adapters = folder / "adapters" if study.adapter_names() else None
    return {"model": str(model), "adapters": adapters}
