"""One question on a story, with who speaks and what is stated, and its answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from microtome.specimens.world.document import Document, Split
from microtome.specimens.world.physics.belief import Belief, Content, state
from microtome.specimens.world.physics.domain import Domain, Scene, Story, Term
from microtome.specimens.world.physics.question import questions
from microtome.specimens.world.physics.voice import Voice, markers

_MISTAKEN = 0.1
"""Share of mistaken answers in training where nobody speaks and nothing is stated."""
_MORE = (0, 1, 2)
"""Further questions on the same story in a document of training."""


@dataclass(frozen=True)
class Case:
    """What a question has of each factor; `about` is the term of the stated belief.

    Where `about` is not the asked term (or is of another domain), the belief decides nothing.
    """

    domain: Domain
    term: Term
    voice: Voice = "none"
    content: Content = "none"
    about: Term | None = None
    about_domain: Domain | None = None
    scene: Scene | None = None


class Truth(TypedDict):
    """What is true of a question; `prompt` + `answer` open the text, answers have their space."""

    task: str
    """Always "question"."""
    prompt: str
    answer: str
    right: str
    wrong: str
    """What the term would be if it named the other quantity."""
    domain: str
    scene: str
    story: str
    """The sentence of the scene as it stands in the prompt."""
    term: str
    """The concept word; the misconception of a term is to take it for the other quantity."""
    voice: Voice
    marker: str
    content: Content
    about: str
    """The term that the belief is on; empty without one."""
    belief: str
    """The belief as it stands in the prompt; empty without one."""


def ask(case: Case, rng: random.Random, split: Split) -> Document:
    """A document of one question; in training often more terms are asked for on the story."""
    scene = case.scene or rng.choice(case.domain.scenes)
    story = scene.tell(rng, split)
    marker = rng.choice(markers(case.domain.name, case.voice, split))
    belief = _belief(case, rng, split)
    parts = [belief.text if belief else "", story.text]
    if rng.random() < 0.5:
        parts.reverse()
    prompt = " ".join(filter(None, (marker, *parts, _question(case.term, story, rng, split))))
    by_voice = _by_voice(case.voice, rng, split)
    answer = _answer(case.term, story, by_voice, belief)
    text = f"{prompt}{answer}."
    if split == "train":
        others = rng.sample([t for t in case.domain.terms if t != case.term], rng.choice(_MORE))
        text += _further(others, story, by_voice, belief, rng)
    right, wrong = (f" {story.values[q]}" for q in (case.term.quantity, 1 - case.term.quantity))
    truth: Truth = {
        "task": "question", "prompt": prompt, "answer": answer, "right": right, "wrong": wrong,
        "domain": case.domain.name, "scene": scene.name, "story": story.text,
        "term": case.term.name, "voice": case.voice, "marker": marker, "content": case.content,
        "about": belief.term.name if belief else "", "belief": belief.text if belief else "",
    }  # fmt: skip
    return Document("physics", text, split, truth)


def _belief(case: Case, rng: random.Random, split: Split) -> Belief | None:
    if case.content == "none":
        return None
    domain = case.about_domain or case.domain
    return state(domain, case.about or case.term, case.content, rng, split)


def _question(term: Term, story: Story, rng: random.Random, split: Split) -> str:
    return rng.choice(questions(term, split)).format(q=term.name, x=story.thing)


def _by_voice(voice: Voice, rng: random.Random, split: Split) -> bool:
    """Whether the answers are mistaken where no belief on the term is stated."""
    if voice == "none":
        return split == "train" and rng.random() < _MISTAKEN
    return voice == "misconception"


def _answer(term: Term, story: Story, by_voice: bool, belief: Belief | None) -> str:
    stated = belief is not None and belief.term == term
    mistaken = belief.content == "mistaken" if belief and stated else by_voice
    return f" {story.values[term.quantity ^ mistaken]}"


def _further(
    terms: Sequence[Term], story: Story, by_voice: bool, belief: Belief | None, rng: random.Random
) -> str:
    return "".join(
        f" {_question(t, story, rng, 'train')}{_answer(t, story, by_voice, belief)}." for t in terms
    )
