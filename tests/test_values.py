"""One set of rules for a value, whether Python, YAML, a flag or a line of JSONL gives it."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from microtome.data.prompts import Prompt, read_prompts
from microtome.errors import ConfigError, MicrotomeError, PromptError
from microtome.files import load_yaml
from microtome.lab.config import configure
from microtome.studies import STUDIES, study_class
from microtome.values import Count, Index, Resamples, Share, Value


class Settings(Value):
    """Every kind of field that a study has."""

    name: ClassVar[str] = "settings"

    count: Count = 3
    index: Index | None = None
    rate: float = 0.5
    share: Share = 0.95
    on: bool = False
    word: str = "x"
    words: tuple[str, ...] = ()
    numbers: tuple[Index, ...] = ()
    home: Path | None = None
    resamples: Resamples = 2000


WRONG: list[tuple[str, Any]] = [
    ("count", True), ("count", 2.0), ("count", "3"), ("count", 0), ("count", None),
    ("index", -1), ("index", 1.5), ("rate", False), ("rate", "0.5"), ("rate", float("nan")),
    ("rate", float("inf")), ("share", 0), ("share", 1), ("share", -1), ("share", 1.5),
    ("on", 1), ("on", "yes"), ("word", 3), ("word", "\ud800"), ("word", "a\x1b[2J"),
    ("words", (1,)), ("words", ("a", "b\0")), ("numbers", (1, True)), ("numbers", [1.0]),
    ("numbers", (-1,)), ("home", 3), ("home", "a\0b"), ("resamples", 98), ("resamples", 10**12),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=ascii)
def test_a_wrong_value_is_one_sentence_in_python(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        Settings(**{name: value})
    assert str(error.value).startswith(f"{name} cannot be ")
    assert str(error.value).endswith(".")
    assert str(error.value).isprintable()


def written(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return load_yaml(path)


@pytest.mark.parametrize(("name", "value"), WRONG, ids=ascii)
def test_a_wrong_value_is_one_sentence_in_yaml(tmp_path: Path, name: str, value: Any) -> None:
    """Flow style is JSON, but for the numbers that are none."""
    special = {"nan": ".nan", "inf": ".inf"}
    text = special.get(str(value)) or json.dumps(value)
    with pytest.raises(ConfigError, match=rf"x\.yaml, line 2: {name} cannot be "):
        configure(Settings, written(tmp_path, f"# a comment\n{name}: {text}\n"), {})  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("name", "text"),
    [("count", "2.0"), ("count", "0"), ("count", "true"), ("count", "x"), ("rate", "nan"),
     ("share", "1.5"), ("share", "-1"), ("numbers", "1,2.5"), ("numbers", "1,-1"),
     ("word", "a\x1b[2J"), ("word", "\udcff"), ("resamples", "1e3"), ("index", "none")],
    ids=ascii,
)  # fmt: skip
def test_a_wrong_value_is_one_sentence_in_a_flag(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^--{name}: {name} cannot be "):
        configure(Settings, None, {name: text})  # type: ignore[type-var]


def test_right_values_are_equal_from_everywhere(tmp_path: Path) -> None:
    made = Settings(
        count=7, index=0, rate=1, share=0.9, on=True, word="16", words=["a", "b"], numbers=(3, 4),
        home="here", resamples=100,
    )  # fmt: skip
    text = (
        "count: 7\nindex: 0\nrate: 1\nshare: 9e-1\non: true\nword: '16'\nwords: a, b\n"
        "numbers: [3, 4]\nhome: here\nresamples: 100\n"
    )
    flags = {
        "count": "7", "index": "0", "rate": "1", "share": ".9", "on": True, "word": "16",
        "words": "a,b", "numbers": "3, 4", "home": "here", "resamples": "100",
    }  # fmt: skip
    assert made == configure(Settings, written(tmp_path, text), {})  # type: ignore[type-var]
    assert made == configure(Settings, None, flags)  # type: ignore[type-var]
    assert (made.words, made.home, made.rate) == (("a", "b"), Path("here"), 1.0)
    assert isinstance(made.rate, float)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_refuses_in_one_sentence(name: str) -> None:
    kind = study_class(name)
    for wrong, sentence in (
        ({"misspelt": 1}, f"{name} has no field 'misspelt'."),
        ({"seed": True}, "seed cannot be True: input should be a valid integer."),
        ({"seed": -1}, "seed cannot be -1: "),
        ({"level": 1.5}, "level cannot be 1.5: input should be less than 1."),
        ({"level": -1.0}, "level cannot be -1.0: input should be greater than 0."),
        ({"max_rows": 2.5}, "max_rows cannot be 2.5: input should be a valid integer."),
        ({"model": "a\ud800"}, "model cannot be 'a\\ud800': it holds the lone surrogate"),
    ):
        with pytest.raises(ConfigError) as error:
            kind(**{"model": "specimen:world", **wrong})
        assert str(error.value).startswith(sentence)


def test_several_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        Settings(count=0, rat=1)  # type: ignore[call-arg]
    assert "count cannot be 0" in str(error.value)
    assert "settings has no field 'rat'. Did you mean 'rate'?" in str(error.value)


PROMPT = {"scenario": "mine", "prompt": "We both cooperated. I choose"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"scenario": "mine", "prompt": "I \\ud83d choose"}', "the lone surrogate \\\\ud83d"),
        ('{"scenario": "mine", "prompt": "\\u001b[2J"}', "the control character \\\\x1b"),
        ('{"scenario": "a\\nb", "prompt": "I choose"}', "scenario cannot be 'a\\\\nb'"),
        ('{"scenario": "\\u202ea", "prompt": "I choose"}', "scenario cannot be '\\\\u202ea'"),
        ('{"scenario": "a", "scenario": "b", "prompt": "x"}', "'scenario' is given twice"),
        ('{"scenario": "a", "prompt": "x", "variant": NaN}', "NaN is no number"),
        ('{"scenario": "a", "prompt": "x", "variant": true}', "variant cannot be True"),
        ('{"scenario": "a", "prompt": "x", "variant": 1.0}', "variant cannot be 1.0"),
        ('{"scenario": ["a"], "prompt": "x"}', r"scenario cannot be \['a'\]"),
    ],
)
def test_a_wrong_line_of_jsonl_is_one_sentence(tmp_path: Path, line: str, sentence: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(PROMPT) + "\n" + line + "\n")
    with pytest.raises(PromptError, match=rf"own\.jsonl, line 2: .*{sentence}"):
        read_prompts(path)


def test_a_prompt_in_python_is_refused_as_in_a_file() -> None:
    assert Prompt(variant=1, **PROMPT).state == "mine"
    for wrong in ({"variant": 0}, {"variant": True}, {"prompt": " "}, {"state_self": "Defekt"}):
        with pytest.raises(PromptError, match=f"{next(iter(wrong))} cannot be "):
            Prompt(**{**PROMPT, "variant": 1, **wrong})
    with pytest.raises(MicrotomeError, match="Prompt needs variant"):
        Prompt(**PROMPT)


def test_a_line_without_end_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("microtome.data.lines.LONGEST", 1000)
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(PROMPT) + "\n" + json.dumps({**PROMPT, "prompt": "x" * 2000}))
    with pytest.raises(PromptError, match="line 2: the line is longer than 1,000 characters"):
        read_prompts(path)
    with pytest.raises(PromptError, match="line 1: the line is longer than"):
        read_prompts(Path("/dev/zero"))
