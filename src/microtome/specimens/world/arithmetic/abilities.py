"""What the base model can do with sums of unseen numbers in unseen frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from microtome.specimens.world.ability import Ability
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
        _row("greedy", _right(solved(model, tokenizer, docs[:n]), docs[:n]), 0.85, n, "answers"),
        _row("greedy_hard", _right(solved(model, tokenizer, hard), hard), 0.85, n, "hard half"),
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
        share = _right([r for r, _ in half], [d for _, d in half])
        found.append(_row(name, share, 0.60, len(half), "right at T=0.8"))
        found.append(_row(f"{name}_most", share, 0.85, len(half), "right at T=0.8", "below"))
    return found


def _readings(read: Sequence[Reading], docs: Sequence[Document]) -> list[Ability]:
    """Methods where all three apply, and how often method and mistakes are known ones."""
    pairs = zip(read, docs, strict=True)
    taken = [r.method for r, d in pairs if d.truth["problem"].methods == METHODS]
    rarest = min(Counter(taken)[method] for method in METHODS) / max(1, len(taken))
    named = sum(bool(r.method) and "other" not in r.mistakes for r in read) / len(read)
    return [
        _row("rarest_method", rarest, 0.10, len(taken), "share at T=0.8 where all three apply"),
        _row("named", named, 0.85, len(read), "method and mistakes named at T=0.8"),
    ]


def _row(
    name: str, value: float, bar: float, n: int, meaning: str,
    sense: Literal["at least", "below"] = "at least",
) -> Ability:  # fmt: skip
    return Ability(f"arithmetic.{name}", value, bar, sense, n, meaning)


def _right(read: Sequence[Reading], docs: Sequence[Document]) -> float:
    pairs = zip(read, docs, strict=True)
    return sum(r.answer == d.truth["number"] for r, d in pairs) / len(docs)
