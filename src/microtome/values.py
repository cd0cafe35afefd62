"""Values that people write: in flags, YAML, JSONL and Python, all judged by the same rules.

A `Value` takes what its annotations say and nothing that merely resembles it: no `true` for a
number, no `1.0` for a count, no digits in quotes. A list may stand for a tuple, and `a,b` as well.
Whatever is wrong is one sentence, an error of the class `refusal`, never pydantic's own.
"""

import types
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from microtome.characters import flaw
from microtome.errors import ConfigError, MicrotomeError, first_line, suggest

Where = Callable[[tuple[str | int, ...]], str]
"""The place in a file, or the flag, that a field comes from."""

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Resamples = Annotated[int, Field(ge=99, le=1_000_000)]


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _named(text: str) -> str:
    if problem := flaw(text, name=True):
        raise ValueError(f"{problem}; leave it out")
    return _filled(text)


Text = Annotated[str, AfterValidator(_filled)]
Name = Annotated[str, AfterValidator(_named)]


class Value(BaseModel):
    """A frozen value; validation with a `Where` as its context names places instead of fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
    refusal: ClassVar[type[MicrotomeError]] = ConfigError

    @model_validator(mode="wrap")
    @classmethod
    def _in_a_sentence(
        cls, values: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            where = info.context if callable(info.context) else _python
            sentences = [_sentence(cls, problem, where) for problem in error.errors()]
            raise cls.refusal(" ".join(dict.fromkeys(sentences))) from None

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[info.field_name or ""]
        for text in _texts(value):
            if problem := flaw(text):
                raise ValueError(f"{problem}; leave it out")
        return _shaped(field, value)


def types_of(field: FieldInfo) -> tuple[Any, ...]:
    """A field's annotation, a union taken apart."""
    kind = field.annotation
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def is_kind(field: FieldInfo, kind: type) -> bool:
    """Whether a field may be a `kind`, a `kind[...]` or one with a range."""
    return any(_plain(one) is kind for one in types_of(field))


def from_text(field: FieldInfo, text: str) -> Any:
    """What the text of a flag means for a field: a number, parts at commas, or the text."""
    if is_kind(field, tuple):
        return _shaped(field, text)
    return _number(types_of(field), text)


def _plain(kind: Any) -> Any:
    """`int` of `Annotated[int, ...]`, `tuple` of `tuple[str, ...]`."""
    if typing.get_origin(kind) is Annotated:
        return _plain(typing.get_args(kind)[0])
    return typing.get_origin(kind) or kind


def _shaped(field: FieldInfo, value: Any) -> Any:
    """A list or `a,b` as a tuple, a text as a path, where the field is one."""
    if is_kind(field, tuple):
        if isinstance(value, str):
            items = next(typing.get_args(k) for k in types_of(field) if _plain(k) is tuple)
            return tuple(_number(items, part.strip()) for part in value.split(",") if part.strip())
        return tuple(value) if isinstance(value, list) else value
    if isinstance(value, str) and is_kind(field, Path) and not is_kind(field, str):
        return Path(_filled(value))
    return value


def _number(kinds: tuple[Any, ...], text: str) -> Any:
    """`text` as the number that one of `kinds` is; the text where it is none."""
    for kind in (int, float):
        if any(_plain(one) is kind for one in kinds):
            with suppress(ValueError):
                return kind(text)
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (str, Path)):
        yield str(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _python(location: tuple[str | int, ...]) -> str:
    return ""


def _sentence(kind: type[Value], problem: Any, where: Where) -> str:
    location = tuple(problem["loc"])
    if not location:
        return f"{first_line(ValueError(problem['msg'])).rstrip('.')}."
    named, name, place = getattr(kind, "name", kind.__name__), str(location[0]), where(location)
    start = f"{place}: " if place else ""
    if problem["type"] == "missing":
        meant = (kind.model_fields[name].description or "a value").rstrip(".")
        meant = f"({meant[:1].lower()}{meant[1:]})"
        if place.startswith("--"):
            return f"{named} needs {name}: give {place} {meant}."
        return f"{start}{named} needs {name} {meant}."
    if problem["type"] == "extra_forbidden":
        return f"{start}{named} has no field {name!r}.{suggest(name, kind.model_fields)}"
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(problem["input"])
    shown = shown if len(shown) < 60 else shown[:59] + "…"
    return f"{start}{name} cannot be {shown}: {message[:1].lower()}{message[1:]}."
