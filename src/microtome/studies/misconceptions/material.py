"""Which pairs a configuration asks for, and in which half of the data each stands.

Features are chosen on pairs of role "select" and tested on those of role "test". Where pairs are
generated these roles are theirs, and the pairs of the file are a second test ("extra"); without
generated pairs those of the file are halved, every second one of a domain held out, unless the
file says where each stands.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from microtome.errors import ConfigError, PromptError, suggest
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.elsewhere import elsewhere
from microtome.studies.misconceptions.generated import generated
from microtome.studies.misconceptions.pair_files import read_pairs
from microtome.studies.misconceptions.pairs import FACTORS, Pair, Role
from microtome.studies.misconceptions.stated import crossed, stated, stated_elsewhere

SHIPPED = {"voices": "prompts_physics_voices.jsonl", "shared": "prompts_physics.jsonl"}


def pairs_of(study: Configuration) -> tuple[Pair, ...]:
    """All pairs of a run; ConfigError for an unknown domain, PromptError for a bad file."""
    return _pairs(study.prompts, study.domains, study.generated, study.seed)


def factor_pairs(study: Configuration) -> tuple[Pair, ...]:
    """Pairs that tell the factors apart, of each factor those of the file, else generated ones.

    Generated are as many as there are held-out pairs whose markers are known: their markers before
    sentences without physics ("elsewhere"), beliefs without a speaker ("content", and to select
    on "content_select"), beliefs before sentences without physics ("content_elsewhere"), and
    beliefs against the voice ("crossed").
    """
    return _factor_pairs(study.prompts, study.domains, study.generated, study.seed)


@lru_cache(maxsize=8)
def _factor_pairs(
    prompts: str, domains: tuple[str, ...], count: int, seed: int
) -> tuple[Pair, ...]:
    own = tuple(pair for pair in _given(prompts) if pair.correct.role in FACTORS)
    tested = of_role(_pairs(prompts, domains, count, seed), "test")
    made: dict[Role, Callable[[], tuple[Pair, ...]]] = {
        "elsewhere": lambda: elsewhere(tested, seed),
        "content": lambda: stated(tested, seed),
        "content_select": lambda: stated(tested, seed, "content_select"),
        "content_elsewhere": lambda: stated_elsewhere(tested, seed),
        "crossed": lambda: crossed(tested, seed),
    }
    return tuple(pair for role in FACTORS for pair in of_role(own, role) or made[role]())


@lru_cache(maxsize=8)
def _pairs(prompts: str, domains: tuple[str, ...], count: int, seed: int) -> tuple[Pair, ...]:
    own = tuple(pair for pair in _given(prompts) if pair.correct.role not in FACTORS)
    given = _domains(own, domains)
    if count == 0:
        return _halved(given)
    made = generated(count, seed)
    taken = {prompt.id for pair in made for prompt in pair.members}
    for pair in given:
        if clash := taken & {prompt.id for prompt in pair.members}:
            raise PromptError(f"The id {min(clash)!r} is a generated pair's; choose another.")
    return (*(_as(pair, "extra") for pair in given), *made)


def of_role(pairs: Sequence[Pair], role: Role) -> tuple[Pair, ...]:
    """The pairs of one role."""
    return tuple(pair for pair in pairs if pair.correct.role == role)


def _given(prompts: str) -> tuple[Pair, ...]:
    if prompts in SHIPPED:
        return read_pairs(Path(str(files(__package__) / SHIPPED[prompts])))
    path = Path(prompts).expanduser()
    if not path.suffix and not path.exists():
        raise ConfigError(
            f"There are no shipped prompts {prompts!r}.{suggest(prompts, SHIPPED)} A file of "
            f"one's own is named by its path."
        )
    return read_pairs(path)


def _domains(pairs: tuple[Pair, ...], domains: tuple[str, ...]) -> tuple[Pair, ...]:
    there = {pair.correct.domain for pair in pairs}
    for name in domains:
        if name not in there:
            raise ConfigError(f"No pair is of the domain {name!r}.{suggest(name, there)}")
    return tuple(pair for pair in pairs if not domains or pair.correct.domain in domains)


def _halved(pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    counts: Counter[str] = Counter()
    found = []
    for pair in pairs:
        role = pair.correct.role
        if role == "extra":
            counts[pair.correct.domain] += 1
            role = "select" if counts[pair.correct.domain] % 2 else "test"
        found.append(_as(pair, role))
    return tuple(found)


def _as(pair: Pair, role: Role) -> Pair:
    return Pair(*(replace(prompt, role=role) for prompt in pair.members))
