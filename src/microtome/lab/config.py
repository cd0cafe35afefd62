"""From YAML and flags to a study: every wrong field becomes one sentence that says where it is."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from microtome.errors import ConfigError, suggest
from microtome.files import YamlFile
from microtome.lab.study import Study

S = TypeVar("S", bound=Study)


def configure(kind: type[S], yaml: YamlFile | None, flags: Mapping[str, Any]) -> S:
    """The study that the file and the flags describe; a flag beats the file."""
    values = {**(yaml.values if yaml else {}), **flags}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [_sentence(kind, yaml, flags, problem) for problem in error.errors()]
        raise ConfigError(" ".join(problems)) from None


def _sentence(
    kind: type[Study], yaml: YamlFile | None, flags: Mapping[str, Any], problem: Any
) -> str:
    location = tuple(problem["loc"])
    name = str(location[0]) if location else kind.name
    flag = f"--{name.replace('_', '-')}"
    where = flag if yaml is None or name in flags else yaml.where(location)
    if problem["type"] == "extra_forbidden":
        return f"{where}: {kind.name} has no field {name!r}.{suggest(name, kind.model_fields)}"
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(problem["input"])
    shown = shown if len(shown) < 60 else shown[:59] + "…"
    return f"{where}: {name} cannot be {shown}: {message[:1].lower()}{message[1:]}."
