"""What the base model can do with sums of unseen numbers in unseen frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

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
    greedy = _right(solved(model, tokenizer, docs[:n]), docs[:n])
    harder = _right(solved(model, tokenizer, hard), hard)
    many = [doc for doc in docs[:n] for _ in range(_SAMPLES)]
    read = solved(model, tokenizer, many, 0.8)
    hot = _right(read, many)
    difficult = [one for one, doc in zip(read, many, strict=True) if doc.truth["problem"].hard]
    difficult_docs = [doc for doc in many if doc.truth["problem"].hard]
    hot_hard = _right(difficult, difficult_docs)
    known = sum(bool(r.method) and "other" not in r.mistakes for r in read) / len(read)
    shares = _methods(read, many)
    n, name, each = len(docs[:n]), "arithmetic", len(read)
    return [
        Ability(f"{name}.greedy", greedy, 0.85, "at least", n, "greedy answers right"),
        Ability(f"{name}.greedy_hard", harder, 0.85, "at least", len(hard), "of the hard half"),
        Ability(f"{name}.sampled", hot, 0.60, "at least", each, "right at T=0.8"),
        Ability(f"{name}.sampled_most", hot, 0.85, "below", each, "right at T=0.8"),
        Ability(f"{name}.sampled_hard", hot_hard, 0.60, "at least", len(difficult), "hard half"),
        Ability(f"{name}.sampled_hard_most", hot_hard, 0.85, "below", len(difficult), "hard half"),
        Ability(f"{name}.rarest_method", min(shares), 0.10, "at least", each, "share at T=0.8"),
        Ability(f"{name}.named", known, 0.90, "at least", each, "method and mistakes named"),
    ]


def _right(read: Sequence[Reading], docs: Sequence[Document]) -> float:
    pairs = zip(read, docs, strict=True)
    return sum(r.answer == d.truth["number"] for r, d in pairs) / max(1, len(docs))


def _methods(read: Sequence[Reading], docs: Sequence[Document]) -> list[float]:
    """Share of each method among the solutions of problems to which all three apply."""
    pairs = zip(read, docs, strict=True)
    taken = [r.method for r, d in pairs if d.truth["problem"].methods == METHODS]
    counts = Counter(taken)
    return [counts[method] / max(1, len(taken)) for method in METHODS]
