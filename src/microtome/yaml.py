"""YAML as its writer meant it, with the line of every key.

PyYAML's safe loader reads `1e-4` as a string and `no` as False, and keeps the last of two equal
keys without a word. This one follows the YAML 1.2 core schema, refuses duplicate keys, and
remembers lines so that an error can name file and line.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from microtome.errors import ConfigError

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """A parsed file: its values, and for every key path the line (from 1) where it stands."""

    path: Path
    values: dict[str, Any]
    lines: dict[Location, int]

    def where(self, location: Location) -> str:
        """`file.yaml, line 7` for the nearest enclosing key of `location`."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.lines:
                return f"{self.path}, line {self.lines[location[:length]]}"
        return str(self.path)


class _Loader(yaml.SafeLoader):
    """Safe constructors with the implicit types of the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def load_yaml(path: Path) -> YamlFile:
    """Read a mapping from `path`; ConfigError names file and line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
    except FileNotFoundError:
        raise ConfigError(f"The configuration file {path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(_sentence(path, error)) from None
    lines: dict[Location, int] = {}
    if node is None:
        return YamlFile(path, {}, lines)
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}, line 1: a configuration is a mapping of `field: value` lines.")
    return YamlFile(path, _construct(path, node, (), lines), lines)


def _sentence(path: Path, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = str(error.problem)
        return f"{path}, line {error.problem_mark.line + 1}: not valid YAML: {problem}."
    return f"{path}: not valid YAML: {' '.join(str(error).split())}."


def _construct(path: Path, node: yaml.Node, here: Location, lines: dict[Location, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(path, node, here, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(path, item, (*here, i), lines) for i, item in enumerate(node.value)]
    if node.tag == "tag:yaml.org,2002:int":
        return int(node.value)
    if node.tag == "tag:yaml.org,2002:str":
        return node.value
    loader = _Loader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError):
        line = node.start_mark.line + 1
        raise ConfigError(
            f"{path}, line {line}: the tag {node.tag} is not read; write plain values."
        ) from None


def _mapping(
    path: Path, node: yaml.MappingNode, here: Location, lines: dict[Location, int]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{path}, line {line}: a key must be a plain name.")
        key = key_node.value
        if key in values:
            first = lines[(*here, key)]
            raise ConfigError(
                f"{path}, line {line}: {key!r} is given twice (first on line {first})."
            )
        lines[(*here, key)] = line
        values[key] = _construct(path, value_node, (*here, key), lines)
    return values
