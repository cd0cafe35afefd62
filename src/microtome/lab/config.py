"""From YAML and flags to a study: every wrong field becomes one sentence that says where it is."""

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from microtome.errors import ConfigError, suggest
from microtome.files import YamlFile
from microtome.lab.study import Study

S = TypeVar("S", bound=Study)


def configure(kind: type[S], yaml: YamlFile | None, flags: Mapping[str, Any]) -> S:
    """The study that the file and the flags describe; a flag beats the file."""
    given = {**(yaml.values if yaml else {}), **flags}
    values = {name: _split(kind.model_fields.get(name), value) for name, value in given.items()}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [_sentence(kind, yaml, flags, problem) for problem in error.errors()]
        raise ConfigError(" ".join(problems)) from None


def types_of(field: FieldInfo) -> tuple[Any, ...]:
    """A field's annotation, a union taken apart."""
    kind = field.annotation
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def is_kind(field: FieldInfo, kind: type) -> bool:
    """Whether a field may be a `kind` (or a `kind[...]`)."""
    return any(one is kind or typing.get_origin(one) is kind for one in types_of(field))


def _split(field: FieldInfo | None, value: Any) -> Any:
    """`a,b` where a tuple is due, in a flag as in a file."""
    if field is not None and isinstance(value, str) and is_kind(field, tuple):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _sentence(
    kind: type[Study], yaml: YamlFile | None, flags: Mapping[str, Any], problem: Any
) -> str:
    location = tuple(problem["loc"])
    name = str(location[0]) if location else kind.name
    flag = f"--{name.replace('_', '-')}"
    where = flag if yaml is None or name in flags else yaml.where(location)
    if problem["type"] == "extra_forbidden":
        return f"{where}: {kind.name} has no field {name!r}.{suggest(name, kind.model_fields)}"
    if problem["type"] == "missing":
        meant = (kind.model_fields[name].description or "a value").rstrip(".")
        return f"{kind.name} needs {name}: give {flag} ({meant[:1].lower()}{meant[1:]})."
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(problem["input"])
    shown = shown if len(shown) < 60 else shown[:59] + "…"
    return f"{where}: {name} cannot be {shown}: {message[:1].lower()}{message[1:]}."
