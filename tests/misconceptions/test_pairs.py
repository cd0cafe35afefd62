"""Pairs: what is shipped, what is generated, and every way a file can be wrong."""

import json
import re
from collections import Counter

import pytest

from microtome.errors import AnswerError, ConfigError, PromptError
from microtome.specimens.world.physics import DOMAINS, MARKERS, VOICES, beliefs, markers
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.generated import generated
from microtome.studies.misconceptions.material import of_role, pairs_of
from microtome.studies.misconceptions.pair_files import read_pairs
from microtome.studies.misconceptions.pairs import of_rows
from microtome.studies.misconceptions.stated import stated

LINE = {
    "id": "a", "pair_id": "p", "label": "correct", "prompt": "A car brakes. Its velocity is",
    "expected_correct_answer": " east", "misconception_answer": " west",
}  # fmt: skip


def lines(tmp_path, *rows):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def other(**changes):
    return {**LINE, "id": "b", "label": "misconception", **changes}


def test_both_forms_hold_the_same_questions_of_three_domains():
    forms = {
        name: pairs_of(Misconceptions(model="specimen:world", prompts=name, generated=0))
        for name in ("shared", "voices")
    }
    for shared, voices in zip(forms["shared"], forms["voices"], strict=True):
        assert shared.identical
        assert not voices.identical
        assert shared.id == voices.id
        for one, told in zip(shared.members, voices.members, strict=True):
            assert (one.id, one.label, one.own) == (told.id, told.label, told.own)
            marker = told.prompt.removesuffix(one.prompt).strip()
            voice = "textbook" if told.label == "correct" else "misconception"
            assert marker in MARKERS[voice]
    ids = [prompt.id for pair in forms["voices"] for prompt in pair.members]
    named = [f"vel_accel_{i:02d}" for i in range(1, 12)]
    named += [f"{name}_{i:02d}" for name in ("energy", "heat") for i in range(1, 7)]
    assert ids == [f"{name}{side}" for name in named for side in "ab"]
    domains = {pair.correct.domain for pair in forms["shared"]}
    assert domains == {domain.name for domain in DOMAINS}


def test_generated_pairs_are_different_and_half_are_held_out():
    pairs = generated(48, seed=42)
    assert len({p.correct.prompt for p in pairs} | {p.misconception.prompt for p in pairs}) == 96
    assert [len(of_role(pairs, role)) for role in ("select", "test")] == [24, 24]
    assert generated(48, seed=42) == pairs
    assert generated(48, seed=43) != pairs


def test_members_differ_in_the_marker_alone():
    for pair in generated(28, seed=1):
        told = [p.prompt for p in pair.members]
        voices = [MARKERS["textbook"], MARKERS["misconception"]]
        rests = {
            text.removeprefix(marker)
            for text, ms in zip(told, voices, strict=True)
            for marker in ms
            if text.startswith(marker)
        }
        assert len(rests) == 1


def test_held_out_pairs_use_markers_unseen_in_their_domain():
    trained = {m for d in DOMAINS for voice in VOICES for m in markers(d.name, voice, "train")}
    assert trained == {m for ms in MARKERS.values() for m in ms}, "each is seen in some domain"
    tested = of_role(generated(56, seed=7), "test")
    assert {pair.correct.domain for pair in tested} == {"motion", "energy", "heat"}
    for pair in tested:
        for prompt, voice in zip(pair.members, VOICES, strict=True):
            assert prompt.prompt.startswith(markers(prompt.domain, voice, "heldout"))


def test_no_marker_to_test_on_is_among_those_to_select_on():
    pairs = generated(96, seed=5)
    used = {
        role: {
            marker
            for pair in of_role(pairs, role)
            for prompt in pair.members
            for ms in MARKERS.values()
            for marker in ms
            if prompt.prompt.startswith(marker)
        }
        for role in ("select", "test")
    }
    assert not used["select"] & used["test"]
    assert len(used["select"]) == len(used["test"]) == 12, "six of each voice"


def test_every_term_of_every_domain_is_asked_for_equally_often():
    for role in ("select", "test"):
        pairs = of_role(generated(96, seed=5), role)
        counts = Counter(
            (domain.name, term.name)
            for pair in pairs
            for domain in DOMAINS
            for term in domain.terms
            if domain.name == pair.correct.domain
            and re.search(rf"\b{term.name}\b", pair.correct.prompt)
        )
        assert set(counts.values()) == {4}
        assert len(counts) == 12


def test_stated_pairs_differ_in_the_definition_alone_and_have_no_speaker():
    tested = of_role(generated(48, seed=42), "test")
    pairs = stated(tested, seed=42)
    assert len(pairs) == len(tested) == 24
    assert stated(tested, seed=42) == pairs != stated(tested, seed=43)
    assert {pair.correct.role for pair in pairs} == {"content"}
    terms = {(d.name, t.name): (d, t) for d in DOMAINS for t in d.terms}
    seen = set()
    for pair in pairs:
        assert not any(m in pair.correct.prompt for ms in MARKERS.values() for m in ms)
        assert pair.correct.prompt.split()[-1] == "is"
        for key, (domain, term) in terms.items():
            right, wrong = (
                [b for b in beliefs(domain, term, content, "heldout") if b in prompt.prompt]
                for content, prompt in zip(("right", "mistaken"), pair.members, strict=True)
            )
            if key[0] == pair.correct.domain and right and wrong:
                seen.add(key)
                one, other = (
                    prompt.prompt.replace(belief[0], "")
                    for prompt, belief in zip(pair.members, (right, wrong), strict=True)
                )
                assert one == other
                assert re.search(rf"\b{term.name}\b", one), "the belief is on what is asked for"
    assert len(seen) == 12


def test_a_pair_survives_json():
    pairs = generated(4, seed=3)
    assert of_rows([prompt.row() for pair in pairs for prompt in pair.members]) == pairs


def test_the_other_members_answer_is_the_misconception_where_none_is_stated(tmp_path):
    rows = [{**LINE, "misconception_answer": None}, other(expected_correct_answer=" west")]
    rows = [{k: v for k, v in row.items() if k != "misconception_answer"} for row in rows]
    (pair,) = read_pairs(lines(tmp_path, *rows))
    assert {(p.correct, p.misconception) for p in pair.members} == {(" east", " west")}
    assert (pair.correct.own, pair.misconception.own) == (" east", " west")


def test_pairs_of_a_file_are_halved_by_domain_unless_it_says_otherwise(tmp_path):
    rows = []
    for i in range(6):
        extra = {"domain": "heat" if i % 2 else "motion"} | ({"split": "test"} if i == 0 else {})
        rows += [{**LINE, "id": f"{i}a", "pair_id": f"{i}", **extra}]
        rows += [other(id=f"{i}b", pair_id=f"{i}", **extra)]
    own = Misconceptions(model="x", prompts=str(lines(tmp_path, *rows)), generated=0)
    assert [p.correct.role for p in pairs_of(own)] == [
        "test", "select", "select", "test", "test", "select",
    ]  # fmt: skip
    heat = own.model_copy(update={"domains": ("heat",)})
    assert {p.correct.domain for p in pairs_of(heat)} == {"heat"}
    with pytest.raises(ConfigError, match="Did you mean 'heat'"):
        pairs_of(own.model_copy(update={"domains": ("heet",)}))


@pytest.mark.parametrize(
    ("rows", "kind", "said"),
    [
        ([], PromptError, "holds no prompt"),
        ([LINE, "{"], PromptError, "line 2: not valid JSON"),
        ([LINE, "[]"], PromptError, "line 2: a prompt is a JSON object"),
        ([{**LINE, "label": "right"}], PromptError, "line 1: the field 'label' is wrong"),
        ([{**LINE, "prompt": " "}], PromptError, "line 1: the field 'prompt' is empty"),
        ([{**LINE, "promt": "x"}], PromptError, "Did you mean 'prompt'?"),
        ([{k: v for k, v in LINE.items() if k != "id"}], PromptError, "'id' is missing"),
        ([LINE, {**LINE}], PromptError, "line 2: the id 'a' already stands in line 1"),
        ([LINE], PromptError, "the pair 'p' has the members correct; give it one"),
        ([LINE, {**LINE, "id": "b"}], PromptError, "has the members correct, correct"),
        (
            [{**LINE, "misconception_answer": " east"}, other(misconception_answer=" east")],
            AnswerError,
            "needs one right and one other answer",
        ),
        ([LINE, other(misconception_answer=" up")], AnswerError, "give misconception_answer"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, rows, kind, said):
    with pytest.raises(kind, match=r"own\.jsonl") as error:
        read_pairs(lines(tmp_path, *rows))
    assert said in str(error.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(PromptError, match="does not exist"):
        read_pairs(tmp_path / "nowhere.jsonl")
