"""YAML as its writer meant it, with the line of every key.

PyYAML's safe loader reads `1e-4` as a string and `no` as False, and keeps the last of two equal
keys without a word. This one follows the YAML 1.2 core schema, refuses duplicate keys, and
remembers lines so that an error can name file and line. Size, depth and the number of values, with
aliases written out, are limited: a file of nine lines may else stand for a billion values.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from microtome.errors import ConfigError

Location = tuple[str | int, ...]
BYTES, DEPTH, VALUES = 2**20, 32, 100_000
"""What a file may have at most: bytes, values inside one another, values in all."""


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
    text = _text(path)
    try:
        _shallow(path, text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(_sentence(path, error)) from None
    except (ValueError, OverflowError) as error:  # an escape that names no character
        raise ConfigError(f"{path}: not valid YAML: {error}.") from None
    if node is None:
        return YamlFile(path, {}, {})
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}, line 1: a configuration is a mapping of `field: value` lines.")
    return _Reading(path).file(node)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES + 1)
        if len(content) > BYTES:
            raise ConfigError(
                f"{path} is longer than {BYTES:,} bytes, too long for a configuration."
            )
        return content.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"The configuration file {path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error}.") from None


def _shallow(path: Path, text: str) -> None:
    """Refuse deep nesting before PyYAML's composer, which calls itself, meets it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            _too_deep(path, event)


def _too_deep(path: Path, at: Any) -> NoReturn:
    raise ConfigError(
        f"{path}, line {at.start_mark.line + 1}: values are nested more than {DEPTH} deep; "
        f"write them flatter."
    )


def _sentence(path: Path, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = str(error.problem)
        return f"{path}, line {error.problem_mark.line + 1}: not valid YAML: {problem}."
    return f"{path}: not valid YAML: {' '.join(str(error).split())}."


@dataclass
class _Reading:
    """One file's nodes becoming values; what was seen so far."""

    path: Path
    lines: dict[Location, int] = field(default_factory=dict)
    count: int = 0

    def file(self, node: yaml.MappingNode) -> YamlFile:
        return YamlFile(self.path, self._mapping(node, ()), self.lines)

    def _value(self, node: yaml.Node, here: Location) -> Any:
        self.count += 1
        if self.count > VALUES:
            self._refuse(node, f"there are more than {VALUES:,} values, aliases written out")
        if len(here) > DEPTH:  # by aliases, or one that leads to itself
            _too_deep(self.path, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, here)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*here, i)) for i, item in enumerate(node.value)]
        return node.value if node.tag == "tag:yaml.org,2002:str" else self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            if node.tag == "tag:yaml.org,2002:int":
                return int(node.value)
            return _Loader("").construct_object(node)
        except yaml.YAMLError:
            self._refuse(node, f"the tag {node.tag} is not read; write plain values")
        except (ValueError, KeyError, AttributeError):
            kind = node.tag.rpartition(":")[2]
            self._refuse(node, f"{node.value[:40]!r} cannot be read as {kind}")

    def _mapping(self, node: yaml.MappingNode, here: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "a key must be a plain name")
            key = key_node.value
            if key in values:
                first = self.lines[(*here, key)]
                self._refuse(key_node, f"{key!r} is given twice (first on line {first})")
            self.lines[(*here, key)] = line
            values[key] = self._value(value_node, (*here, key))
        return values

    def _refuse(self, node: yaml.Node, problem: str) -> NoReturn:
        raise ConfigError(f"{self.path}, line {node.start_mark.line + 1}: {problem}.")
