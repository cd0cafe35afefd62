"""A command whose flags are the fields of a study.

Values are handed on as text (a tuple as comma-separated text) and read by pydantic, so that a flag
and a line of YAML are judged by the same rules.
"""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic.fields import FieldInfo

from microtome.lab.study import Study
from microtome.values import is_kind, types_of


@dataclass(frozen=True)
class Flags:
    """What the command line of a study said."""

    config: Path | None
    dry_run: bool
    fields: dict[str, Any]


def parse(kind: type[Study], arguments: list[str]) -> Flags | None:
    """Read the command line of `kind`; None when it only asked for help, which is then shown."""
    read: list[Flags] = []

    def call(config: Path | None, dry_run: bool, **given: Any) -> None:
        said = {name: text for name, text in given.items() if text is not None}
        read.append(Flags(config, dry_run, said))

    app = _command(kind, call)
    app(arguments, prog_name=f"microtome run {kind.name}", standalone_mode=False)
    return read[0] if read else None


def _command(kind: type[Study], call: Callable[..., None]) -> typer.Typer:
    """A command whose signature is the fields of `kind`."""
    parameters = [
        _parameter("config", Path | None, None, "YAML file of fields; flags beat it.", "FILE"),
        _parameter("dry_run", bool, False, "Two units per step on a stand-in, and the cost.", None),
    ]
    for name, field in kind.model_fields.items():
        text = " ".join((field.description or "").split())
        help_text = f"{text} [{_default(field)}]"
        of = bool | None if is_kind(field, bool) else str | None
        parameters.append(_parameter(name, of, None, help_text, _metavar(field)))
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    call.__doc__ = kind.summary
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(name=kind.name)(call)
    return app


def _parameter(
    name: str, of: Any, default: Any, help_text: str, metavar: str | None
) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    if of == bool | None:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    option = typer.Option(flag, help=help_text, metavar=metavar, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[of, option]
    )


def _metavar(field: FieldInfo) -> str | None:
    if is_kind(field, bool):
        return None
    for kind in types_of(field):
        if typing.get_origin(kind) is Literal:
            return "|".join(str(value) for value in typing.get_args(kind))
        if typing.get_origin(kind) in (tuple, list):
            return "A,B,..."
    kind = types_of(field)[0]
    kind = typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind
    name = getattr(kind, "__name__", "value")
    return "TEXT" if name == "str" else name.upper()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required, here or in the file"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, (tuple, list)):
        text = ",".join(str(one) for one in value)
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = "" if value is None else str(value)
    return f"default: {repr(text) if text != text.strip() else text or 'none'}"
