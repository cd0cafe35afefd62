"""Three dialects say the same; whatever is wrong is named by file and line in one sentence."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from microtome.data.graders import grader
from microtome.data.problems import Problem, read_problems, with_solutions
from microtome.errors import ConfigError, MicrotomeError, PromptError
from microtome.specimens.world.arithmetic import read_solution
from microtome.studies.sampling.problems import (
    TEMPLATE,
    method_of,
    oracles,
    specimen_problems,
    truth,
)


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "set.jsonl"
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return path


def test_the_dialects_agree(tmp_path: Path) -> None:
    words = "A box holds 6 rows of 7 eggs. How many?"
    path = write(
        tmp_path,
        {"problem": words, "answer": 42, "solution": "6 * 7 = 42."},
        {"question": words, "answer": "6 * 7 = <<6*7=42>>42.\n#### 42"},
        {"problem": words, "solution": "6 * 7 = 42.", "answer": "42"},
        {"problem": words, "solution": "It is \\boxed{40 + 2} or \\boxed{42}.", "level": "Level 1"},
    )
    problems = read_problems(path)
    assert {problem.problem for problem in problems} == {words}
    assert {problem.answer for problem in problems} == {"42"}
    assert {problem.solution for problem in problems[:3]} == {"6 * 7 = 42."}
    assert problems[3].level == "Level 1"
    assert [problem.id for problem in problems] == [f"set-{line}" for line in (1, 2, 3, 4)]


def test_math_500_keeps_its_names(tmp_path: Path) -> None:
    row = {
        "problem": "Half of one?",
        "solution": "\\boxed{\\frac{1}{2}}",
        "answer": "\\frac{1}{2}",
        "subject": "Algebra",
        "level": 3,
        "unique_id": "test/algebra/1.json",
    }
    (problem,) = read_problems(write(tmp_path, row))
    assert (problem.id, problem.kind, problem.level) == ("test/algebra/1.json", "Algebra", "3")
    assert grader("boxed").grade(problem.solution, problem.answer).correct


GOOD = {"problem": "One and one?", "answer": "2", "solution": "2"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "not valid JSON"),
        ("[1]", "JSON object"),
        ({**GOOD, "soluton": "2"}, "'solution'"),
        ({"problem": " ", "answer": "2"}, "'problem' is empty"),
        ({"answer": "2"}, "'problem' is missing"),
        ({"problem": "x", "answer": None}, "is no text but None"),
        ({"problem": "x"}, "needs its 'answer'"),
        ({"problem": "x", "solution": "about \\boxed{4"}, "no balanced"),
        ({"question": "x", "answer": "four"}, "####"),
        ({"question": "x", "problem": "x", "answer": "4"}, "keep one"),
        ({**GOOD, "id": "a"}, "already stands in line 1"),
    ],
)
def test_a_fault_is_named_by_line(tmp_path: Path, row: Any, said: str) -> None:
    path = write(tmp_path, {**GOOD, "id": "a"}, "", row)
    with pytest.raises(PromptError, match="line 3") as caught:
        read_problems(path)
    assert said in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_no_file_and_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="does not exist"):
        read_problems(tmp_path / "none.jsonl")
    with pytest.raises(PromptError, match="holds no problem"):
        read_problems(write(tmp_path, ""))


def test_the_template_is_filled_even_with_braces() -> None:
    problem = Problem("a", "What is \\frac{1}{2} of {problem}?", "1", "Half.")
    assert problem.prompt("Q {problem} A").startswith("Q What is \\frac{1}{2}")
    assert problem.prompt("Q {problem} A").endswith("{problem}? A")
    assert problem.continuation("{problem} A:") == " Half."
    assert problem.continuation("{problem} A:\n") == "Half."
    for template in ("no place", "{problem} and {problem}", ""):
        with pytest.raises(ConfigError, match="exactly once"):
            problem.prompt(template)
    with pytest.raises(PromptError, match="no solution"):
        Problem("a", "x", "1").continuation()


def test_solutions_from_a_file(tmp_path: Path) -> None:
    problems = (Problem("a", "x", "1"), Problem("b", "y", "2"))
    both = write(tmp_path, {"id": "b", "text": "by b"}, {"id": "a", "text": "by a"})
    assert [p.solution for p in with_solutions(problems, both)] == ["by a", "by b"]
    for rows, said in (
        ([{"id": "a", "text": "x"}], "no solution for 1 of 2 problems"),
        ([{"id": "c", "text": "x"}], "no problem 'c'"),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "already has"),
        ([{"id": "a", "texts": "x"}], "Did you mean 'text'"),
    ):
        with pytest.raises(PromptError, match=said):
            with_solutions(problems, write(tmp_path, *rows))


def test_the_specimens_problems_are_its_own_held_out_documents() -> None:
    problems = specimen_problems(60, seed=3)
    assert problems == specimen_problems(60, seed=3)
    assert problems != specimen_problems(60, seed=4)
    assert len({problem.id for problem in problems}) == 60
    for problem in problems:
        known = truth(problem)
        assert known.split == "heldout"
        assert problem.answer == str(known.answer)
        assert problem.prompt(TEMPLATE).startswith("Problem: ")
        assert problem.prompt(TEMPLATE).endswith("? Solution:")
        assert [int(x) for x in re.findall(r"\d+", problem.problem)] == [*map(abs, known.terms)]
        assert method_of(problem.solution, problem) == problem.kind
        assert read_solution(problem.solution, known).mistakes == ()
        assert len(known.methods) >= 2
    hard = [truth(problem).hard for problem in problems]
    assert 0.3 < sum(hard) / 60 < 0.9, "certain ones and uncertain ones"


def test_prompts_are_those_of_training_letter_by_letter() -> None:
    from microtome.specimens.world import documents

    right = [d for d in documents("arithmetic", "heldout", 42, 400) if not d.truth["mistakes"]]
    trained = {d.truth["prompt"]: d.text for d in right}
    for problem in specimen_problems(40):
        prompt = problem.prompt(TEMPLATE)
        assert trained[prompt] == prompt + problem.continuation(TEMPLATE)


def test_every_method_has_an_oracle_that_takes_it() -> None:
    for problem in specimen_problems(12, n_methods=3):
        found = oracles(problem)
        assert tuple(found) == truth(problem).methods == ("left", "regroup", "tens")
        for method, text in found.items():
            reading = read_solution(text, truth(problem))
            assert (reading.method, reading.sound) == (method, True)
            assert grader("boxed").grade(text, problem.answer).correct


def test_more_problems_than_there_are() -> None:
    with pytest.raises(ConfigError, match="ask for 1 to"):
        specimen_problems(20_001)
    with pytest.raises(MicrotomeError, match="not one of the specimen's"):
        truth(Problem("set-1", "x", "1"))
