"""Sums of the specimen: solved by three methods, mistaken as often as told, and read exactly."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest

from microtome.specimens.world import documents
from microtome.specimens.world.arithmetic import (
    KNOWN,
    METHODS,
    NEUTRAL,
    OPENINGS,
    Problem,
    document,
    openings,
    p_right,
    read_solution,
    templates,
    work,
    works,
    written,
)
from microtome.specimens.world.arithmetic.abilities import posed
from microtome.specimens.world.document import Document

N = 4000


@cache
def drawn(split: str) -> list[Document]:
    return documents("arithmetic", split, 5, N)


def true(text: str) -> list[bool]:
    """Whether each equation of a text is true, by Python's own arithmetic."""
    found = re.findall(r"(\d+[+-]\d+)=(\d+)", text)
    return [eval(left) == int(right) for left, right in found]


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_method_and_mistakes_are_read_back_from_every_document(split: str) -> None:
    for doc in drawn(split):
        read, truth = read_solution(doc.truth["answer"], doc.truth["problem"]), doc.truth
        assert (read.answer, read.method, read.mistakes) == (
            truth["written"], truth["method"], truth["mistakes"],
        ), doc.text  # fmt: skip
        assert truth["problem"].split == split


@pytest.mark.parametrize("method", METHODS)
def test_every_solution_there_can_be_is_read_back(method: str) -> None:
    """Rare pairs and triples of mistakes too, of which few documents show any."""
    for doc in drawn("train")[:400]:
        problem = doc.truth["problem"]
        if method not in problem.methods:
            continue
        chances = 0.0
        for made, chance in works(problem, method):
            read = read_solution(written(made, NEUTRAL), problem)
            assert (read.method, read.mistakes) == (method, made.mistakes), (problem, made)
            chances += chance
        assert chances == pytest.approx(1)


def test_the_box_follows_from_the_work_and_slips_are_the_untrue_equations() -> None:
    for doc in drawn("train"):
        truth, text = doc.truth, doc.truth["answer"]
        boxed = int(re.findall(r"\\boxed\{(\d+)\}", text)[-1])
        assert boxed == truth["written"] == int(re.findall(r"=(\d+)", text)[-1])
        assert true(text).count(False) == truth["mistakes"].count("carry slip")
        used = [int(x) for x in re.findall(r"\d+", truth["prompt"])]
        assert used == [abs(term) for term in truth["problem"].terms]
        if not truth["mistakes"]:
            assert (
                boxed == truth["number"] == truth["problem"].answer == sum(truth["problem"].terms)
            )


def test_mistakes_are_made_in_the_hard_half_alone_and_of_every_kind() -> None:
    halves = defaultdict(list)
    for doc in drawn("train"):
        halves[doc.truth["problem"].hard].append(doc.truth)
    assert not any(truth["mistakes"] for truth in halves[False])
    assert all(max(map(abs, t["problem"].terms)) < 10 for t in halves[False])
    assert {len(t["problem"].terms) for t in halves[True]} == {2, 3, 4}
    share = np.mean([bool(truth["mistakes"]) for truth in halves[True]])
    assert 0.28 < share < 0.36
    kinds = Counter(kind for truth in halves[True] for kind in truth["mistakes"])
    assert set(kinds) == set(KNOWN)
    assert min(kinds.values()) / len(halves[True]) > 0.04


SUM = Problem((7, 8, -5))
LONG = Problem((14, -6, 9, -3))


@pytest.mark.parametrize(
    ("problem", "text", "method", "mistakes", "answer"),
    [
        (SUM, r"7+8=15, then 15-5=10. \boxed{10}", "left", (), 10),
        (SUM, r"7 + 8 = 15 and 15 - 5 = 10: \boxed{10}", "left", (), 10),
        (SUM, r"8+7=15, then 15-5=10. \boxed{10}", "left", (), 10),
        (SUM, r"Make a ten: 7+8=15, then 15-5=10. \boxed{10}", "left", (), 10),
        (SUM, r"From left to right: 8-5=3, then 7+3=10. \boxed{10}", "regroup", (), 10),
        (SUM, r"8-5=3, then 3+7=10. \boxed{10}", "regroup", (), 10),
        (SUM, r"7+3=10, then 10+5=15, then 15-5=10. \boxed{10}", "tens", (), 10),
        (SUM, r"7+8=5, then 5-5=0. \boxed{0}", "left", ("carry slip",), 0),
        (SUM, r"7+8=15, then 15+5=20. \boxed{20}", "left", ("wrong sign",), 20),
        (SUM, r"8+5=13, then 7+13=20. \boxed{20}", "regroup", ("wrong sign",), 20),
        (SUM, r"8+5=3, then 7+3=10. \boxed{10}", "regroup", ("wrong sign", "carry slip"), 10),
        (SUM, r"7+8=15. \boxed{15}", "left", ("operand lost",), 15),
        (SUM, r"7-5=2. \boxed{2}", "left", ("operand lost",), 2),
        (SUM, r"8-5=3. \boxed{3}", "regroup", ("operand lost",), 3),
        (SUM, r"7+3=10, then 10+5=15. \boxed{15}", "tens", ("operand lost",), 15),
        (SUM, r"7+8=16, then 16-5=11. \boxed{11}", "left", ("other",), 11),
        (SUM, r"7+8=15, then 15-6=9. \boxed{9}", "left", ("other",), 9),
        (SUM, r"7+8=15, then 15-5=10. \boxed{12}", "left", ("other",), 12),
        (SUM, r"7+8=15, then 15-5=10, then 10+1=11. \boxed{11}", "left", ("other",), 11),
        (SUM, r"1+1=2, then 7+8=15, then 15-5=10. \boxed{10}", "left", ("other",), 10),
        (SUM, "7+8=15, then 15-", "left", (), None),
        (SUM, "7+8=5, then", "left", ("carry slip",), None),
        (SUM, "", None, (), None),
        (SUM, r"I guess. \boxed{10}", None, (), 10),
        (SUM, r"1+1=2. \boxed{2}", None, (), 2),
        (SUM, r"7+8-5=10. \boxed{10}", None, (), 10),
        (SUM, r"7+8=15-5=10. \boxed{10}", None, (), 10),
        (SUM, r"107+8=115. \boxed{115}", None, (), 115),
        (SUM, r"7+8=15.5, then 15-5=10", None, (), None),
        (SUM, "7+8=15, then 15-5=10. Problem: 2+2=4. \\boxed{4}", "left", (), None),
        (SUM, "7+8=15, then 15-5=10. \\boxed{10} \\boxed{", "left", (), 10),
        (SUM, "7+8=15, then " + "9" * 5000 + "-5=10", "left", (), None),
        (SUM, r"7+8=15 \boxed{" + "9" * 5000 + "}", "left", (), None),
        (LONG, r"14-6=8, then 8+9=17, then 17-3=14. \boxed{14}", "left", (), 14),
        (LONG, r"14-6=18, then 18+9=27, then 27-3=24. \boxed{24}", "left", ("carry slip",), 24),
        (LONG, r"14+6=20, then 20+9=29. \boxed{29}", "left", ("wrong sign", "operand lost"), 29),
        (LONG, r"9-3=6, then 14-6=8, then 8+6=14. \boxed{14}", "regroup", (), 14),
        (LONG, r"9-3=6, then 14+6=20. \boxed{20}", "regroup", ("operand lost",), 20),
        (LONG, r"9+3=2, then 14-6=8, then 8+2=10. \boxed{10}", "regroup",
         ("wrong sign", "carry slip"), 10),
        (Problem((8, 14, 9, 15)), r"9+15=14, then 8+14=12. \boxed{12}", "regroup",
         ("carry slip", "operand lost", "carry slip"), 12),
    ],
)  # fmt: skip
def test_hostile_texts(
    problem: Problem, text: str, method: str | None, mistakes: tuple[str, ...], answer: int | None
) -> None:
    read = read_solution(text, problem)
    assert (read.method, read.mistakes, read.answer) == (method, mistakes, answer)
    assert method is None or read.sound == all(true(text[:200]))


def test_a_thousand_equations_are_read_at_once() -> None:
    text = ", then ".join(["7+8=15", "15-5=10"] * 500) + r". \boxed{10}"
    read = read_solution(text, Problem((7, 8, -5, 3)))
    assert (read.method, read.answer) == ("left", 10)
    assert "other" in read.mistakes


def test_the_chance_of_a_right_answer_by_hand_and_by_counting() -> None:
    assert p_right(Problem((15, 8))) == pytest.approx((0.76 + 1) / 2)
    assert p_right(Problem((14, -5))) == pytest.approx(0.82 * 0.76)
    assert p_right(Problem((12, 13, 4))) == pytest.approx((0.94 + 1 + 0.94) / 3)
    assert p_right(Problem((7, 8, -5))) == 1, "an easy one"
    rng = random.Random(0)
    for terms in ((5, 15, 3), (6, 10, 7, 9), (14, -6, 9, -3), (13, -5, -7, 12)):
        problem = Problem(terms)
        right = [
            work(problem, rng.choice(problem.methods), lambda r: rng.random() < r).answer
            == problem.answer
            for _ in range(3000)
        ]
        assert np.mean(right) == pytest.approx(p_right(problem), abs=4 * 0.5 / 3000**0.5)
    spread = np.array([p_right(d.truth["problem"]) for d in drawn("heldout")[:600]])
    assert spread.std() > 0.1
    assert spread.min() > 0.3


def solutions(problem: Problem) -> dict[tuple[str, ...], float]:
    """Every solution of a problem, as tokens, with its probability under the corpus."""
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for method in problem.methods:
        begun = dict.fromkeys(OPENINGS[method], 0.3) | {NEUTRAL: 0.1}
        for made, chance in works(problem, method):
            for opening, share in begun.items():
                tokens = re.findall(r"\d|[A-Za-z]+|\S", written(made, opening))
                found[tuple(tokens)] += chance * share / len(problem.methods)
    return found


def sharpened(texts: dict[tuple[str, ...], float], temperature: float) -> dict[str, float]:
    """An ideal learner's samples: each token's distribution sharpened, as samplers do it."""
    mass: dict[tuple[str, ...], float] = defaultdict(float)
    for tokens, chance in texts.items():
        for end in range(len(tokens) + 1):
            mass[tokens[:end]] += chance
    nexts: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for prefix, chance in mass.items():
        if prefix:
            nexts[prefix[:-1]].append(chance)
    total = {prefix: sum(np.array(ps) ** (1 / temperature)) for prefix, ps in nexts.items()}
    found = {}
    for tokens in texts:
        chance = 1.0
        for end in range(1, len(tokens) + 1):
            chance *= mass[tokens[:end]] ** (1 / temperature) / total[tokens[: end - 1]]
        found[" ".join(tokens)] = float(chance)
    return found


def read(text: str, problem: Problem) -> tuple[bool, str | None]:
    found = read_solution(re.sub(r"(?<=\d) (?=\d)|(?<=\\) | (?=[{}])|(?<=\{) ", "", text), problem)
    return found.answer == problem.answer, found.method


def test_an_ideal_learner_is_right_as_often_as_asked_and_takes_every_method() -> None:
    hard = [d.truth["problem"] for d in drawn("heldout") if d.truth["problem"].hard][:60]
    hot, greedy, methods = [], [], Counter()
    for problem in hard:
        drawn_at = sharpened(solutions(problem), 0.8)
        assert sum(drawn_at.values()) == pytest.approx(1)
        seen = {text: read(text, problem) for text in drawn_at}
        hot.append(sum(p for text, p in drawn_at.items() if seen[text][0]))
        cold = sharpened(solutions(problem), 0.02)
        greedy.append(seen[max(cold, key=lambda text: cold[text])][0])
        if problem.methods == METHODS:
            for text, chance in drawn_at.items():
                methods[seen[text][1]] += chance
    assert 0.65 < np.mean(hot) < 0.80
    assert np.mean(greedy) > 0.97
    assert np.std(hot) > 0.07, "uncertain ones and certain ones"
    assert min(methods[m] for m in METHODS) / methods.total() > 0.2


def test_frames_of_the_held_out_split_are_no_frames_of_training() -> None:
    train, heldout = set(templates("train")), set(templates("heldout"))
    assert not train & heldout
    assert len(train) >= 10
    words = set(re.findall(r"[a-z]+", " ".join(d.text for d in drawn("train")).lower()))
    new = set(re.findall(r"[a-z]+", " ".join(d.truth["prompt"] for d in drawn("heldout")).lower()))
    assert not new - words, "known words in unknown frames"
    seen = {re.sub(r"\d+", "#", d.truth["prompt"]) for d in drawn("train")}
    assert not seen & {re.sub(r"\d+", "#", d.truth["prompt"]) for d in drawn("heldout")}


def test_openings_are_those_that_the_documents_have() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for doc in drawn("train"):
        found[doc.truth["answer"].partition(":")[0].strip() + ":"].add(doc.truth["method"])
    assert {opening: set(methods) for opening, methods in openings().items()} == dict(found)


def test_solutions_are_short() -> None:
    for doc in drawn("train"):
        tokens = re.findall(r"\d|[A-Za-z]+|[^\w\s]", doc.truth["answer"])
        assert len(tokens) + doc.truth["answer"].count(", then ") <= 60
        assert doc.text.isascii()


def test_a_document_repeats_with_its_seed() -> None:
    assert document(random.Random(1), "train") == document(random.Random(1), "train")


def test_abilities_are_measured_on_distinct_problems_of_the_held_out_split() -> None:
    docs = posed(400)
    problems = {doc.truth["problem"] for doc in docs}
    assert len(problems) == len(docs) == 400
    assert {problem.split for problem in problems} == {"heldout"}
    assert sum(problem.hard for problem in problems) >= 200
    assert sum(problem.methods == METHODS for problem in problems) >= 100
