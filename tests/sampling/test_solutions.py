"""The table of solutions: answers where a grader reads them, the texts as they are."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from microtome.data.graders import Grade
from microtome.studies.sampling.clusters import _solutions
from microtome.studies.sampling.problem_set import problems_of
from tests.sampling.little import little


@dataclass(frozen=True)
class Texts:
    """Completions of which only text, length and end are looked at."""

    texts: tuple[str, ...]

    @property
    def lengths(self) -> list[int]:
        return [len(text.split()) for text in self.texts]

    @property
    def finished(self) -> list[bool]:
        return [text.endswith(".") for text in self.texts]

    def text(self, i: int) -> str:
        return self.texts[i]


@pytest.mark.parametrize(("grader", "answers"), [("boxed", ["7", None]), ("none", [None, None])])
def test_answers_stand_in_the_table_where_there_is_a_grader(
    tmp_path: Path, grader: str, answers: list[str | None]
) -> None:
    study = little(tmp_path, grader=grader)
    grades = (Grade("7", True), Grade(None, False))
    texts = Texts(("it is seven.", "no idea"))
    rows = _solutions(texts, grades, problems_of(study)[0], study)
    assert [row["answer"] for row in rows] == answers
    assert [row["correct"] for row in rows] == [True, False]
    assert [(row["tokens"], row["finished"]) for row in rows] == [(3, True), (2, False)]
    assert [row["text"] for row in rows] == list(texts.texts)
    assert [row["sample"] for row in rows] == [0, 1]
