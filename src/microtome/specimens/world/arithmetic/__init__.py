r"""Word problems with small numbers, solved in writing by three methods and not always well.

`problem` poses sums of two to four operands, an easy and a hard half; `solving` works them out,
with mistakes in the hard half; `wording` puts both into words; `reading` names the method and the
mistakes of any text. Every solution ends in "\boxed{answer}", the answer of its own work.
"""

from __future__ import annotations

import random

from microtome.specimens.world.arithmetic.chances import p_right, works
from microtome.specimens.world.arithmetic.problem import METHODS, Method, Problem, draw
from microtome.specimens.world.arithmetic.reading import Reading, read_solution
from microtome.specimens.world.arithmetic.solving import work
from microtome.specimens.world.arithmetic.step import KNOWN, Mistake, Work
from microtome.specimens.world.arithmetic.wording import (
    NEUTRAL,
    OPENINGS,
    QUESTIONS,
    STORIES,
    THINGS,
    opening,
    openings,
    story,
    templates,
)
from microtome.specimens.world.document import NAMES, Document, Split

__all__ = [
    "KNOWN", "METHODS", "NEUTRAL", "OPENINGS", "Method", "Mistake", "Problem", "Reading", "Work",
    "document", "openings", "p_right", "read_solution", "right", "templates", "work", "works",
    "written",
]  # fmt: skip


def document(rng: random.Random, split: Split) -> Document:
    """One problem with a solution, right or mistaken.

    `truth`: problem (`p_right` of it is the chance of a right answer), method,
    mistakes (in order, empty where none), number (the right answer), written (the number in the
    box), work (the equations), opening, template (place of the story's frame) and question.
    """
    problem = draw(rng, split)
    method = rng.choice(problem.methods)
    made = work(problem, method, lambda rate: rng.random() < rate)
    names = {"who": rng.choice(NAMES), "things": rng.choice(THINGS)}
    template, question = rng.randrange(len(STORIES[split])), rng.choice(QUESTIONS[split])
    words = story(problem.terms, names, template, split, rng)
    prompt = f"Problem: {words} {question.format(**names)} Solution:"
    begun = opening(method, rng)
    solution = written(made, begun)
    truth = {
        "task": "solve",
        "prompt": prompt,
        "answer": solution,
        "problem": problem,
        "method": method,
        "mistakes": made.mistakes,
        "number": problem.answer,
        "written": made.answer,
        "work": made,
        "opening": begun,
        "template": template,
        "question": question,
    }
    return Document("arithmetic", prompt + solution, split, truth)


def written(made: Work, begun: str) -> str:
    """The text of a solution after "Solution:", its leading space included."""
    body = ", then ".join(map(str, made.steps))
    return f" {begun} {body}. So the answer is \\boxed{{{made.answer}}}."


def right(problem: Problem, method: Method) -> str:
    """The right solution of a problem by a method, in the method's first opening."""
    made = work(problem, method, lambda rate: False)
    return written(made, OPENINGS[method][0]).strip()
