"""From YAML and flags to a study; a wrong field is named with its flag or its file and line."""

from collections.abc import Mapping
from typing import Any, TypeVar

from microtome.files import YamlFile
from microtome.lab.study import Study
from microtome.values import from_text

S = TypeVar("S", bound=Study)


def configure(kind: type[S], yaml: YamlFile | None, flags: Mapping[str, Any]) -> S:
    """The study that the file and the flags describe; a flag beats the file.

    Flags come as text (or true and false) and mean what their fields say; what a file holds has
    its types already. ConfigError for whatever does not fit.
    """
    fields = kind.model_fields
    read = {
        name: from_text(fields[name], value) if isinstance(value, str) else value
        for name, value in flags.items()
    }

    def where(location: tuple[str | int, ...]) -> str:
        name = str(location[0])
        if yaml is None or name in flags:
            return f"--{name.replace('_', '-')}"
        return yaml.where(location)

    return kind.model_validate({**(yaml.values if yaml else {}), **read}, context=where)
