r"""Problems with a known answer and a worked solution, read from JSONL in three dialects.

own    {"problem", "answer", "solution"}; `solution` may be missing where no oracle is needed
GSM8K  {"question", "answer"}: the text before "####" is the solution, what follows the answer;
       calculator marks "<<3*4=12>>" are taken out (Cobbe et al. 2021)
MATH   {"problem", "solution", "level", "type"}: the answer is the last balanced \boxed{}
       (Hendrycks et al. 2021); "answer", "subject" and "unique_id" of MATH-500 are read too
The dialect is told from the fields of each line; whatever is wrong is named with file and line.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microtome.characters import flaw
from microtome.data.boxed import last_boxed
from microtome.data.lines import objects
from microtome.errors import ConfigError, PromptError, suggest

TEMPLATE = "Problem: {problem}\nSolution:"
_FIELDS = ("problem", "question", "answer", "solution", "id", "unique_id", "level", "type")
_ALLOWED = (*_FIELDS, "subject")
_MARK = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True)
class Problem:
    """A problem in words; `solution` is the oracle's text, empty where none is known."""

    id: str
    problem: str
    answer: str
    solution: str = ""
    level: str = ""
    kind: str = ""

    def prompt(self, template: str = TEMPLATE) -> str:
        """The text to be continued."""
        return check_template(template).replace("{problem}", self.problem)

    def continuation(self, template: str = TEMPLATE) -> str:
        """The solution as it continues the prompt, a space between; PromptError without one."""
        if not self.solution:
            raise PromptError(
                f"Problem {self.id!r} has no solution to serve as an oracle: give it the field "
                "'solution', or name a file of solutions."
            )
        return self.solution if template[-1].isspace() else f" {self.solution}"


def check_template(template: str) -> str:
    """`template` itself; ConfigError when it has no place for the problem, or more than one."""
    if template.count("{problem}") != 1:
        raise ConfigError(
            f"The prompt template {template!r} must contain {{problem}} exactly once, "
            f"as in {TEMPLATE!r}."
        )
    return template


def read_problems(path: Path) -> tuple[Problem, ...]:
    """The problems of a JSONL file, in order; PromptError names file and line.

    A problem without "id" or "unique_id" is called by the file's name and its line.
    """
    lines: dict[str, int] = {}
    problems = []
    for number, content in objects(path):
        problem = _problem(f"{path}, line {number}", f"{path.stem}-{number}", content)
        if problem.id in lines:
            raise PromptError(
                f"{path}, line {number}: the id {problem.id!r} already stands in line "
                f"{lines[problem.id]}; give every problem its own."
            )
        lines[problem.id] = number
        problems.append(problem)
    if not problems:
        raise PromptError(f"{path} holds no problem; give one JSON object a line.")
    return tuple(problems)


def with_solutions(problems: Sequence[Problem], path: Path) -> tuple[Problem, ...]:
    """The problems with the solutions of a JSONL file of {"id", "text"}; each needs one."""
    found: dict[str, str] = {}
    known = {problem.id for problem in problems}
    for number, content in objects(path):
        place = f"{path}, line {number}"
        for key in content:
            if key not in ("id", "text"):
                raise PromptError(
                    f"{place}: a solution has no field {key!r}.{suggest(key, ('id', 'text'))}"
                )
        name = _text(place, content, "id")
        if name not in known:
            raise PromptError(f"{place}: there is no problem {name!r}.{suggest(name, known)}")
        if name in found:
            raise PromptError(f"{place}: problem {name!r} already has a solution in this file.")
        found[name] = _text(place, content, "text")
    missing = [problem.id for problem in problems if problem.id not in found]
    if missing:
        raise PromptError(
            f"{path} has no solution for {len(missing)} of {len(problems)} problems, "
            f"the first of them {missing[0]!r}; add a line for each."
        )
    return tuple(replace(problem, solution=found[problem.id]) for problem in problems)


def _problem(place: str, name: str, content: Mapping[str, Any]) -> Problem:
    for key in content:
        if key not in _ALLOWED:
            raise PromptError(f"{place}: a problem has no field {key!r}.{suggest(key, _FIELDS)}")
    words, answer, solution = _dialect(place, content)
    given = next((key for key in ("id", "unique_id") if key in content), None)
    return Problem(
        id=_name(place, _text(place, content, given)) if given else name,
        problem=words,
        answer=answer,
        solution=solution,
        level=_label(place, content, "level"),
        kind=_label(place, content, "type" if "type" in content else "subject"),
    )


def _dialect(place: str, content: Mapping[str, Any]) -> tuple[str, str, str]:
    """Problem, answer and solution of one line."""
    if "problem" in content and "question" in content:
        raise PromptError(f"{place}: 'problem' and 'question' name the same thing; keep one.")
    if "question" in content and "solution" not in content:
        return _text(place, content, "question"), *_gsm8k(place, content)
    words = _text(place, content, "question" if "question" in content else "problem")
    solution = _text(place, content, "solution") if "solution" in content else ""
    if "answer" in content:
        return words, _text(place, content, "answer"), solution
    if not solution:
        raise PromptError(f"{place}: a problem needs its 'answer', or a 'solution' that boxes it.")
    answer = last_boxed(solution)
    if not answer:
        raise PromptError(
            f"{place}: the problem has no 'answer' and its solution no balanced \\boxed{{}} "
            "to read one from."
        )
    return words, answer, solution


def _gsm8k(place: str, content: Mapping[str, Any]) -> tuple[str, str]:
    text = _text(place, content, "answer")
    worked, found, answer = text.rpartition("####")
    if not found or not answer.strip():
        raise PromptError(
            f"{place}: the answer to a 'question' must end in '#### 42', as GSM8K writes it; "
            "give 'problem', 'answer' and 'solution' otherwise."
        )
    return answer.strip(), _MARK.sub("", worked).strip()


def _name(place: str, text: str) -> str:
    if problem := flaw(text, name=True):
        raise PromptError(f"{place}: the id {text!r} is refused: {problem}.")
    return text


def _label(place: str, content: Mapping[str, Any], key: str) -> str:
    """A field that may be missing, null or blank, as text."""
    blank = content.get(key) is None or content[key] == ""
    return "" if blank else _text(place, content, key)


def _text(place: str, content: Mapping[str, Any], key: str) -> str:
    """A field as text that is not blank; a bare number counts as its digits."""
    value = content.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        what = "is missing" if key not in content else f"is no text but {value!r}"
        raise PromptError(f"{place}: the field {key!r} {what}.")
    if not value.strip():
        raise PromptError(f"{place}: the field {key!r} is empty.")
    return value.strip()
