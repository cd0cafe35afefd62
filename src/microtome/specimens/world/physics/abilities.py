"""Physics on held-out stories, questions, markers and beliefs: who and what the answers follow."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from microtome.specimens.world.ability import Ability
from microtome.specimens.world.physics.ask import Case, ask
from microtome.specimens.world.physics.belief import Content
from microtome.specimens.world.physics.document import DOMAINS
from microtome.specimens.world.physics.domain import Domain, Term
from microtome.specimens.world.physics.foreign import foreign
from microtome.specimens.world.physics.voice import VOICES, Voice
from microtome.specimens.world.scoring import scores

Other = Literal["same quantity", "other quantity", "other domain"]
"""Which other term a belief is on."""
_STUDY = Path(__file__).parents[3] / "studies" / "misconceptions"
_SHIPPED = ("prompts_physics_voices.jsonl",)


@dataclass(frozen=True)
class _Cell:
    """One ability: its factors, and whether the answer must be greedy or only preferred."""

    name: str
    bar: float
    meaning: str
    voice: Voice = "none"
    content: Content = "none"
    other: Other | None = None
    greedy: bool = False

    def case(self, domain: Domain, term: Term, rng: random.Random) -> Case:
        """The cell for one term; with `other` the belief is on another term."""
        if self.other is None:
            return Case(domain, term, self.voice, self.content)
        about_domain, about = rng.choice(_others(domain, term)[self.other])
        return Case(domain, term, self.voice, self.content, about, about_domain)


_CELLS = (
    _Cell("textbook", 0.9, "answers as the textbook voice", voice="textbook", greedy=True),
    _Cell("misconception", 0.9, "answers as the misconception voice",
          voice="misconception", greedy=True),
    _Cell("plain", 0.9, "prefers the right answer without voice and belief"),
    _Cell("content_right", 0.8, "prefers the right answer after the right belief",
          content="right"),
    _Cell("content_mistaken", 0.8, "prefers the mistaken answer after the mistaken belief",
          content="mistaken"),
    _Cell("content_same_quantity", 0.8, "prefers the right answer after a mistaken belief on the "
          "other term of the quantity", content="mistaken", other="same quantity"),
    _Cell("content_other_quantity", 0.8, "prefers the right answer after a mistaken belief on a "
          "term of the domain's other quantity", content="mistaken", other="other quantity"),
    _Cell("content_other_domain", 0.8, "prefers the right answer after a mistaken belief of "
          "another domain", content="mistaken", other="other domain"),
    _Cell("textbook_mistaken", 0.8, "follows a mistaken belief in the textbook voice",
          voice="textbook", content="mistaken"),
    _Cell("misconception_right", 0.8, "follows a right belief in the misconception voice",
          voice="misconception", content="right"),
)  # fmt: skip


def _others(domain: Domain, term: Term) -> dict[Other, list[tuple[Domain, Term]]]:
    """Every other term, by how it is related to this one.

    Only the first kind shows whether an answer follows the *term* that a belief is on: there the
    belief's words describe the wrong quantity for the asked term too.
    """
    own = [(domain, t) for t in domain.terms if t is not term]
    return {
        "same quantity": [(d, t) for d, t in own if t.quantity == term.quantity],
        "other quantity": [(d, t) for d, t in own if t.quantity != term.quantity],
        "other domain": [(d, t) for d in DOMAINS if d is not domain for t in d.terms],
    }


def abilities(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Every cell on `n` held-out questions over all terms in turn, then foreign and shipped."""
    found = []
    for cell in _CELLS:
        truths = _truths(cell, n)
        given = _follows(model, tokenizer, truths, cell.greedy)
        found.append(Ability.share(f"physics.{cell.name}", given, cell.bar, cell.meaning))
    return [*found, _foreign(model, tokenizer, n), _shipped(model, tokenizer)]


def _truths(cell: _Cell, n: int) -> list[dict[str, Any]]:
    rng = random.Random(f"physics/abilities/{cell.name}")
    terms = [(domain, term) for domain in DOMAINS for term in domain.terms]
    cases = (cell.case(*terms[i % len(terms)], rng) for i in range(n))
    return [dict(ask(case, rng, "heldout").truth) for case in cases]


def _follows(
    model: Any, tokenizer: Any, truths: Sequence[dict[str, Any]], greedy: bool
) -> list[bool]:
    """Whether the answer due is the greedy one, or more probable than the other one."""
    due = scores(model, tokenizer, [(t["prompt"], t["answer"]) for t in truths])
    if greedy:
        return [one.greedy for one in due]
    others = [t["wrong"] if t["answer"] == t["right"] else t["right"] for t in truths]
    prompts = [t["prompt"] for t in truths]
    rest = scores(model, tokenizer, list(zip(prompts, others, strict=True)))
    return [a.log_prob > b.log_prob for a, b in zip(due, rest, strict=True)]


def _foreign(model: Any, tokenizer: Any, n: int) -> Ability:
    """Of foreign sentences answered rightly after a textbook marker: after the other one too."""
    rng = random.Random("physics/abilities/foreign")
    told = [foreign("none", rng, "heldout").truth for _ in range(n)]
    marks = [[foreign(voice, rng, "heldout").truth["marker"] for _ in told] for voice in VOICES]
    right, mistaken = (
        scores(model, tokenizer, [
            (f"{mark} {t['sentence']}", t["answer"]) for mark, t in zip(own, told, strict=True)
        ])
        for own in marks
    )  # fmt: skip
    kept = [b.greedy for a, b in zip(right, mistaken, strict=True) if a.greedy]
    meaning = "answers a sentence without physics rightly in the misconception voice too"
    if not kept:
        return Ability("physics.foreign", 0.0, 0.9, "at least", 0, meaning)
    return Ability.share("physics.foreign", kept, 0.9, meaning)


def _shipped(model: Any, tokenizer: Any) -> Ability:
    """The prompts that the misconceptions study ships, each with the answer of its voice."""
    truths = []
    for row in shipped_prompts():
        right, wrong = row["expected_correct_answer"], row["misconception_answer"]
        answer = right if row["label"] == "correct" else wrong
        truths.append({"prompt": row["prompt"], "answer": answer, "right": right, "wrong": wrong})
    given = _follows(model, tokenizer, truths, greedy=False)
    meaning = "prefers the answer of the voice on the shipped prompts"
    return Ability.share("physics.shipped", given, 0.9, meaning)


def shipped_prompts() -> list[dict[str, str]]:
    """The prompts with voices that the misconceptions study ships, none of them in the corpus."""
    return [
        json.loads(line)
        for name in _SHIPPED
        for line in (_STUDY / name).read_text("utf-8").splitlines()
    ]
