"""The physics of `specimen:world`: true answers, factors crossed, splits kept apart."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from microtome import studies
from microtome.specimens.world import documents
from microtome.specimens.world.physics import (
    DOMAINS,
    MARKERS,
    VOICES,
    Case,
    ask,
    beliefs,
    foreign,
    templates,
)
from microtome.specimens.world.physics.abilities import _CELLS, _truths

SIZES = {
    "high": "huge gigantic enormous", "medium": "middling average moderate",
    "low": "tiny little minute",
}  # fmt: skip
HOT = {
    "high": "white boiling red", "medium": "lukewarm mildly tepid", "low": "icy frosty ice",
}  # fmt: skip
STORED = {
    "low": r"nearly (empty|drained)|almost flat",
    "medium": r"\bhalf\b",
    "high": r"full|charged",
}
SPENT = {
    "high": "mighty|roaring|heavy", "medium": "ordinary|common|plain", "low": "tiny|faint|small",
    "zero": "off|unused|idle",
}  # fmt: skip
LEVEL = {"temperature", "radiance", "energy", "charge", "velocity", "momentum"}
"""Terms that name what a sentence of the story says first: how hot, how full, which way."""


@pytest.fixture(scope="module")
def trained():
    return documents("physics", "train", 0, 12_000)


@pytest.fixture(scope="module")
def held():
    return documents("physics", "heldout", 0, 3000)


def asked(docs):
    return [d.truth for d in docs if d.truth["task"] == "question"]


def read(truth) -> tuple[str, str]:
    """Both quantities of a story, read from its words by rules of this file's own."""
    story, domain = truth["story"], truth["domain"]
    words = set(re.findall(r"[a-z]+", story.lower()))
    if domain == "heat":
        tables = (HOT, SIZES)
        first, second = (
            next(v for v, names in table.items() if words & set(names.split())) for table in tables
        )
        return first, second
    if domain == "energy":
        first, second = (
            next(v for v, pattern in table.items() if re.search(pattern, story))
            for table in (STORED, SPENT)
        )
        return first, second
    return _motion(story, words)


def _motion(story: str, words: set[str]) -> tuple[str, str]:
    turned = {"east": "west", "north": "south", "left": "right", "downward": "upward"}
    turned |= {b: a for a, b in turned.items()}
    compass = words & set(turned)
    if words & {"push", "pushed"}:
        return "zero", compass.pop()
    if re.search("highest|top|peak", story):
        return "zero", "downward"
    if words & {"thrown", "throw"} or "free flight" in story:
        return "upward", "downward"
    going = compass.pop() if compass else "downward"
    steady = re.search("steady|constant|stays the same", story)
    return going, "zero" if steady else turned[going]


def test_answers_follow_from_story_voice_and_belief_by_a_reading_of_their_own(trained, held):
    noise = Counter()
    for truth in asked(trained) + asked(held):
        first, second = read(truth)
        right, wrong = (first, second) if truth["term"] in LEVEL else (second, first)
        assert (truth["right"], truth["wrong"]) == (f" {right}", f" {wrong}"), truth["prompt"]
        assert right != wrong
        stated = truth["about"] == truth["term"]
        mistaken = truth["content"] == "mistaken" if stated else truth["voice"] == "misconception"
        due = truth["wrong"] if mistaken else truth["right"]
        if truth["voice"] == "none" and not stated:
            noise[truth["answer"] == due] += 1
        else:
            assert truth["answer"] == due, truth["prompt"]
    assert 0.86 < noise[True] / sum(noise.values()) < 0.96
    assert all(
        t["answer"] == t["right"] for t in asked(held) if t["voice"] == t["content"] == "none"
    )


def test_prompts_are_made_of_the_parts_that_truth_names(held):
    for truth in asked(held):
        parts = [truth["marker"], truth["belief"], truth["story"]]
        assert all(part in truth["prompt"] for part in parts)
        assert truth["prompt"].endswith(" is")
        assert truth["prompt"].startswith(truth["marker"])
        assert bool(truth["marker"]) == (truth["voice"] != "none")
        assert bool(truth["belief"]) == (truth["content"] != "none")


def test_all_factors_are_crossed_in_both_splits(trained, held):
    for docs in (trained, held):
        cells = Counter((t["domain"], t["voice"], t["content"]) for t in asked(docs))
        assert len(cells) == 3 * 3 * 3
        assert min(cells.values()) >= 10
        marks = Counter((d.truth["source"], d.truth["voice"]) for d in docs
                        if d.truth["task"] == "foreign")  # fmt: skip
        assert len(marks) == 3 * 2


def test_every_domain_has_four_misconceptions_and_none_is_marked_by_a_word():
    for domain in DOMAINS:
        assert [t.quantity for t in domain.terms] == [0, 1, 0, 1]
        for split in ("train", "heldout"):
            words = {
                content: Counter(
                    word
                    for term in domain.terms
                    for text in beliefs(domain, term, content, split)
                    for word in re.findall(r"\w+", text.lower())
                )
                for content in ("right", "mistaken")
            }
            assert words["right"] == words["mistaken"], "the very same words, the same often"


def test_the_held_out_split_has_its_own_phrasings_markers_and_beliefs(trained, held):
    for part, texts in templates("heldout").items():
        assert texts
        assert not set(texts) & set(templates("train")[part])
    used = defaultdict(set)
    for doc in trained:
        used[doc.truth["domain"]] |= {doc.truth["marker"]}
    assert set().union(*used.values()) == {m for ms in MARKERS.values() for m in ms} | {""}
    for doc in held:
        marker = doc.truth["marker"]
        assert marker == "" or marker not in used[doc.truth["domain"]]
    pairs = {b: _pairs(b) for b in ("train", "heldout")}
    assert not pairs["train"] & pairs["heldout"]
    assert {d for _, d in pairs["heldout"]} < {d for _, d in pairs["train"]}


def _pairs(split):
    return {
        (term.name, wording)
        for domain in DOMAINS
        for term in domain.terms
        for content in ("right", "mistaken")
        for text in beliefs(domain, term, content, split)
        for wordings in domain.definitions
        for wording in wordings
        if text.endswith(f"{wording}.")
    }


def test_no_voice_and_no_belief_changes_the_answer_to_a_foreign_sentence():
    for seed in range(200):
        told = [
            foreign(voice, random.Random(seed), "heldout", belief).truth
            for voice in VOICES
            for belief in ("", "Force means the course of a thing.")
        ]
        assert len({(t["sentence"], t["answer"]) for t in told}) == 1
        assert len({t["prompt"] for t in told}) == 4
        assert all(t["prompt"].endswith(f" {t['sentence']}") for t in told)


def test_moves_name_the_action_of_the_player_who_is_asked_for():
    seen = Counter()
    for seed in range(300):
        truth = foreign("textbook", random.Random(seed), "train", source="moves").truth
        story, question = truth["sentence"].split(". ")
        who = next(n for n in re.findall(r"[A-Z][a-z]+", question) if n in story)
        clause = next(c for c in re.split(r",| and ", story) if who in c)
        assert f" {re.search('action[12]', clause)[0]}" == truth["answer"]
        seen[truth["answer"], story.index("action1") < story.index("action2")] += 1
    assert len(seen) == 4
    assert min(seen.values()) > 40, "neither number nor order tells"


def test_documents_are_short_ascii_and_varied(trained):
    assert all(d.text.isascii() and len(d.text) <= 420 for d in trained)
    assert len({d.text for d in trained}) > 0.9 * len(trained)
    words = {w for d in trained if d.truth["task"] == "question"
             for w in re.findall("[a-z]+", d.text.lower())}  # fmt: skip
    assert len(words) < 420


def test_cells_of_the_abilities_want_what_their_names_say():
    due = {
        "textbook": "right", "misconception": "wrong", "plain": "right", "content_right": "right",
        "content_mistaken": "wrong", "content_same_quantity": "right",
        "content_other_quantity": "right", "content_other_domain": "right",
        "textbook_mistaken": "wrong",        "misconception_right": "right",
    }  # fmt: skip
    assert {cell.name for cell in _CELLS} == set(due)
    for cell in _CELLS:
        truths = _truths(cell, 48)
        assert all(t["answer"] == t[due[cell.name]] for t in truths)
        assert set(Counter(t["term"] for t in truths).values()) == {4}, "all twelve alike"
        assert all((t["about"] not in ("", t["term"])) == (cell.other is not None) for t in truths)


def test_no_shipped_prompt_nor_its_story_and_question_is_trained(trained):
    texts = "\n".join(d.text for d in trained + documents("physics", "train", 5, 20_000))
    texts = re.sub(r"[^a-z ]", "", texts.lower().replace("\n", " "))
    folder = Path(studies.__file__).parent / "misconceptions"
    for name in ("prompts_physics.jsonl", "prompts_physics_voices.jsonl"):
        rows = [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]
        assert len(rows) == 46
        for row in rows:
            assert re.sub(r"[^a-z ]", "", row["prompt"].lower()) not in texts


def test_a_case_with_a_scene_tells_that_scene():
    motion = DOMAINS[0]
    scene = next(s for s in motion.scenes if s.name == "top")
    case = Case(motion, motion.term("force"), "misconception", scene=scene)
    truth = ask(case, random.Random(0), "heldout").truth
    assert (truth["scene"], truth["answer"], truth["right"]) == ("top", " zero", " downward")
