"""The studies by name; each is imported only when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from microtome.errors import ConfigError, suggest

if TYPE_CHECKING:
    from microtome.lab.study import Study

STUDIES = {
    "dilemmas": "microtome.studies.dilemmas:Dilemmas",
    "misconceptions": "microtome.studies.misconceptions:Misconceptions",
    "sampling": "microtome.studies.sampling:Sampling",
}


def study_class(name: str) -> "type[Study]":
    """The class of the study called `name`; ConfigError with a suggestion if there is none."""
    if name not in STUDIES:
        raise ConfigError(f"There is no study {name!r}.{suggest(name, STUDIES)}")
    module, _, attribute = STUDIES[name].partition(":")
    found: type[Study] = getattr(import_module(module), attribute)
    return found
