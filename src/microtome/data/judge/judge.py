"""Pairs to verdicts: every question asked once, in both orders, several at a time.

Whoever is asked is an `Endpoint`, a `LocalModel` (any callable from messages to text), or, without
a language model, a rule. Answers are kept in `cache`: a run that was killed asks only what it has
no answer to.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from microtome import files
from microtome.data.judge.question import Chat, Message, Question, chat
from microtome.data.judge.reading import Answer, Reply
from microtome.data.judge.retries import Stopped
from microtome.data.judge.transcript import Transcript, content, kept_transcript
from microtome.data.judge.verdict import Verdict
from microtome.errors import ConfigError

Pair = tuple[str, str, str]
"""Problem, one solution, another solution."""
Progress = Callable[[int, int], None]


class Asked(Protocol):
    """Whoever can be asked; equal identities give equal answers."""

    @property
    def identity(self) -> dict[str, Any]:
        """What an answer depends on beside its question, in JSON's types."""

    def ask(self, messages: Sequence[Message], stop: Event) -> Reply:
        """The reply to the messages; `stop` ends the waiting."""


@dataclass(frozen=True)
class LocalModel:
    """A chat in this process; `name` must tell its model and settings from all others."""

    chat: Chat
    name: str

    @property
    def identity(self) -> dict[str, Any]:
        """The name."""
        return {"model": self.name}

    def ask(self, messages: Sequence[Message], stop: Event) -> Reply:
        """What the callable says."""
        return Reply(self.chat(messages), self.name)


@dataclass(frozen=True)
class Judge:
    """A language model as a judge, with the folder `cache` that keeps its answers."""

    asked: Asked
    concurrency: int = 1
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigError(f"A judge needs a concurrency of 1 or more, not {self.concurrency}.")
        if self.cache is not None:
            files.writable(self.cache)

    def distinct(self, problem: str, a: str, b: str) -> Verdict:
        """Whether `a` and `b` solve `problem` by different methods; both orders are asked."""
        return judge_pairs(self, [(problem, a, b)])[0]

    def kept(self, question: Question) -> Answer | None:
        """The kept answer to a question, or None."""
        if self.cache is None:
            return None
        found = kept_transcript(self.cache, content(question, self.asked.identity))
        return found.answer(kept=True) if found else None

    def answer(self, question: Question, stop: Event) -> Answer:
        """The answer to one question, asked if it is not kept."""
        kept = self.kept(question)
        if kept is not None:
            return kept
        messages, nonce = chat(question)
        reply = self.asked.ask(messages, stop)
        transcript = Transcript(content(question, self.asked.identity), messages, nonce, reply)
        if self.cache is not None:
            transcript.write(self.cache)
        return transcript.answer(kept=self.cache is not None)


@dataclass(frozen=True)
class RuleJudge:
    """different(problem, a, b) -> bool in the place of a language model."""

    different: Callable[[str, str, str], bool]
    concurrency: int = 1

    def distinct(self, problem: str, a: str, b: str) -> Verdict:
        """Whether the rule tells `a` and `b` apart, in both orders."""
        return judge_pairs(self, [(problem, a, b)])[0]

    def kept(self, question: Question) -> Answer | None:
        """A rule's answer costs nothing: it counts as kept."""
        return self.answer(question, Event())

    def answer(self, question: Question, stop: Event) -> Answer:
        """The rule's answer to one question."""
        apart = self.different(question.problem, question.first, question.second)
        return Answer("different" if apart else "same", read_by="rule")


def judge_pairs(
    judge: Judge | RuleJudge, pairs: Sequence[Pair], progress: Progress | None = None
) -> list[Verdict]:
    """A verdict for each pair, in order; `progress(done, of)` counts questions.

    The first JudgeError ends the asking and is raised; answers that have come are kept.
    """
    answers = _ask_all(judge, _both(pairs), progress or (lambda done, of: None))
    return [
        Verdict((answers[Question(problem, a, b)], answers[Question(problem, b, a)]))
        for problem, a, b in pairs
    ]


def _ask_all(
    judge: Judge | RuleJudge, questions: Sequence[Question], progress: Progress
) -> dict[Question, Answer]:
    answers: dict[Question, Answer] = {}
    stop = Event()

    def one(question: Question) -> Answer:
        if stop.is_set():
            raise Stopped("Another question has failed.")
        try:
            return judge.answer(question, stop)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(judge.concurrency, "judge") as pool:
        futures = {pool.submit(one, question): question for question in questions}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                # What stopped the others is raised when its own turn comes.
                if not isinstance(future.exception(), Stopped):
                    answers[futures[future]] = future.result()
                    progress(done, len(futures))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return answers


def outstanding(judge: Judge | RuleJudge, pairs: Iterable[Pair]) -> int:
    """How many questions `judge_pairs` would have to ask."""
    return sum(judge.kept(question) is None for question in _both(pairs))


def _both(pairs: Iterable[Pair]) -> list[Question]:
    """Every question once, in both orders."""
    asked: dict[Question, None] = {}
    for problem, a, b in pairs:
        asked |= {Question(problem, a, b): None, Question(problem, b, a): None}
    return list(asked)
