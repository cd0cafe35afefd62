"""`bifurcation_points.json`: the forks of sensitivity, as attribution reads them.

    {"schema": "microtome.bifurcation_points", "schema_version": 1,
     "model": {"name", "digest", "revision"}, "layers": [...], "ranked_by": "spread",
     "settings": {...}, "points": [...]}

A point holds `problem`, step `t`, `rank` over all problems (1 first, null where it could not be
ranked), `prefix_ids` (prompt and solution before t), `top1` and `top2` ({"id", "text", "logit",
"p"}), `logit_difference` and `entropy`, and what forcing top2 led to: `D` ({"raw", "relative"} per
layer), `divergence`, `relative`, `spread`, `rejoin`, `outcome_change`, `branch_ids`. Token ids are
what counts; texts are for reading. Only the fields of `Point` are needed of a file made elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from microtome.errors import InputError, RunError
from microtome.files import read_json
from microtome.lab.store import identify
from microtome.lab.study import Study

SCHEMA, VERSION = "microtome.bifurcation_points", 1
NAME = "bifurcation_points"
Id = Annotated[int, Field(ge=0, strict=True)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Token(_Read):
    """One of the two tokens of a fork."""

    id: Id
    text: str = ""


class Point(_Read):
    """What attribution needs to know of a fork."""

    problem: str
    t: Annotated[int, Field(ge=0, strict=True)]
    rank: Annotated[int, Field(ge=1, strict=True)] | None = None
    prefix_ids: Annotated[tuple[Id, ...], Field(min_length=1)]
    top1: Token
    top2: Token

    @model_validator(mode="after")
    def _apart(self) -> "Point":
        if self.top1.id == self.top2.id:
            raise ValueError(f"top1 and top2 are both token {self.top1.id}")
        return self


class Origin(_Read):
    """The model that the forks were found in."""

    name: str = ""
    digest: str = ""


class Bifurcations(_Read):
    """A file of forks."""

    schema_: Literal["microtome.bifurcation_points"] = Field(alias="schema")
    schema_version: Literal[1]
    model: Origin = Origin()
    points: tuple[Point, ...]

    def ranked(self) -> tuple[Point, ...]:
        """The points in order of rank; those without one stay behind, in the file's order."""
        return tuple(sorted(self.points, key=lambda point: point.rank or len(self.points) + 1))


def read_bifurcations(path: Path) -> Bifurcations:
    """The forks in a file; InputError says what of it is not as this module's head describes."""
    try:
        content = read_json(path)
    except RunError as error:
        raise InputError(str(error)) from None
    except (OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(
            f"{path} is no file of bifurcation points: its schema is not {SCHEMA!r}. Make one with "
            f"--steps sensitivity."
        )
    try:
        found = Bifurcations.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}, {place}: {first['msg']}.") from None
    if not found.points:
        raise InputError(
            f"{path} holds no fork; let sensitivity branch at more tokens, with a smaller interval "
            f"or min_entropy."
        )
    return found


def own_file(study: Study) -> Path | None:
    """The file that sensitivity has left in the run this configuration names; None without one."""
    identity = identify(study, study.provenance())["identity"]
    places = sorted((study.output_dir / study.name).glob(f"[0-9]*-{identity[:8]}/data/{NAME}.json"))
    return places[-1] if places else None


def demand_fit(point: Point, vocabulary: int, room: int | None) -> None:
    """InputError for token ids outside the model's vocabulary or a prefix over its context."""
    largest = max(*point.prefix_ids, point.top1.id, point.top2.id)
    place = f"The fork of {point.problem} at token {point.t}"
    if largest >= vocabulary:
        raise InputError(
            f"{place} holds token id {largest} and this model's vocabulary has {vocabulary}: its "
            f"file was made with another model; run sensitivity on this one."
        )
    if room is not None and len(point.prefix_ids) > room:
        raise InputError(
            f"{place} has a prefix of {len(point.prefix_ids)} tokens and this model takes {room}: "
            f"its file was made with another model; run sensitivity on this one."
        )


@dataclass(frozen=True)
class Header:
    """What stands above the points."""

    model: Mapping[str, Any]
    layers: Sequence[int]
    ranked_by: str
    settings: Mapping[str, Any]

    def content(self, points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The whole file."""
        return {
            "schema": SCHEMA, "schema_version": VERSION, "model": dict(self.model),
            "layers": list(self.layers), "ranked_by": self.ranked_by,
            "settings": dict(self.settings), "points": list(points),
        }  # fmt: skip
