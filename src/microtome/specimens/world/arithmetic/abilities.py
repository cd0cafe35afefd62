"""What the base model can do with sums of unseen numbers in unseen frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from microtome.specimens.world.ability import Ability, Sense
from microtome.specimens.world.arithmetic.problem import METHODS
from microtome.specimens.world.arithmetic.reading import Reading, read_solution
from microtome.specimens.world.corpus import documents
from microtome.specimens.world.document import Document
from microtome.specimens.world.scoring import completions

_SAMPLES = 4
_LONGEST = 96


def posed(n: int, seed: int = 7) -> list[Document]:
    """`n` held-out documents with distinct problems, in the shares of the corpus."""
    found: dict[Any, Document] = {}
    for document in documents("arithmetic", "heldout", seed, 4 * n):
        found.setdefault(document.truth["problem"], document)
    return list(found.values())[:n]


def solved(
    model: Any, tokenizer: Any, docs: Sequence[Document], temperature: float = 0.0
) -> list[Reading]:
    """One solution of each document's problem, read."""
    prompts = [doc.truth["prompt"] for doc in docs]
    texts = completions(model, tokenizer, prompts, temperature=temperature, max_new_tokens=_LONGEST)
    return [read_solution(text, d.truth["problem"]) for text, d in zip(texts, docs, strict=True)]


def abilities(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Greedy answers; answers, methods and mistakes of samples at temperature 0.8."""
    docs = posed(2 * n)
    hard = [doc for doc in docs if doc.truth["problem"].hard][:n]
    found = [
        _share("greedy", _right(solved(model, tokenizer, docs[:n]), docs[:n]), 0.85, "answers"),
        _share("greedy_hard", _right(solved(model, tokenizer, hard), hard), 0.85, "hard half"),
    ]
    many = [doc for doc in docs[:n] for _ in range(_SAMPLES)]
    read = solved(model, tokenizer, many, 0.8)
    return [*found, *_rights(read, many), *_readings(read, many)]


def _rights(read: Sequence[Reading], docs: Sequence[Document]) -> list[Ability]:
    """How often samples are right: neither never nor always."""
    pairs = list(zip(read, docs, strict=True))
    harder = [pair for pair in pairs if pair[1].truth["problem"].hard]
    found = []
    for name, half in (("sampled", pairs), ("sampled_hard", harder)):
        right = _right([r for r, _ in half], [d for _, d in half])
        own = [d.text for _, d in half]
        found.append(_share(name, right, 0.60, "right at T=0.8", own))
        found.append(_share(f"{name}_most", right, 0.85, "right at T=0.8", own, "below"))
    return found


def _readings(read: Sequence[Reading], docs: Sequence[Document]) -> list[Ability]:
    """Methods where all three apply, and how often method and mistakes are known ones."""
    pairs = list(zip(read, docs, strict=True))
    open_to_all = [(r.method, d.text) for r, d in pairs if d.truth["problem"].methods == METHODS]
    counts = Counter(method for method, _ in open_to_all)
    rarest = min(METHODS, key=lambda method: counts[method])
    taken, where = [method == rarest for method, _ in open_to_all], [t for _, t in open_to_all]
    named = [bool(r.method) and "other" not in r.mistakes for r in read]
    return [
        _share("rarest_method", taken, 0.10, "share at T=0.8 where all three apply", where),
        _share("named", named, 0.85, "method and mistakes named at T=0.8", [d.text for d in docs]),
    ]


def _share(
    name: str, holds: Sequence[bool], bar: float, meaning: str,
    problems: Sequence[str] | None = None, sense: Sense = "at least",
) -> Ability:  # fmt: skip
    """A share; samples of one problem count as one cluster."""
    name = f"arithmetic.{name}"
    return Ability.share(name, holds, bar, meaning, sense=sense, clusters=problems)


def _right(read: Sequence[Reading], docs: Sequence[Document]) -> list[bool]:
    return [r.answer == d.truth["number"] for r, d in zip(read, docs, strict=True)]
