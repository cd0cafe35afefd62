"""No shipped prompt and nothing held out stands in what the specimen of the world is trained on."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from microtome.errors import ModelError
from microtome.specimens.world import corpus, exclusion
from microtome.specimens.world.corpus import documents, mixed
from microtome.specimens.world.dilemmas.tables import shipped_prompts
from microtome.specimens.world.document import Document, Split
from microtome.specimens.world.exclusion import (
    RUN,
    Excluded,
    dilemma_parts,
    forbidden,
    held_out,
    shipped,
)
from microtome.specimens.world.overlap import Hit, Overlap
from microtome.specimens.world.words import STOP_WORDS, content, words

TRAINED = 1_000_000
"""About as many documents as a training of 12,000 steps reads."""
AT_ONCE = 20_000


@pytest.fixture(scope="module")
def overlap() -> Overlap:
    return Overlap(forbidden())


def found_in_training(overlap: Overlap, n: int, seed: int = 1) -> list[tuple[str, Hit]]:
    """Hits among the first `n` documents of training, with their texts."""
    texts: Iterator[str] = (doc.text for doc in islice(mixed("train", seed), n))
    found: list[tuple[str, Hit]] = []
    while chunk := list(islice(texts, AT_ONCE)):
        found += [(chunk[hit.place], hit) for hit in overlap.hits(chunk)]
    return found


def assert_none(found: list[tuple[str, Hit]], n: int) -> None:
    worst = Counter(hit.name for _, hit in found).most_common(5)
    shown = "\n".join(f"{hit.name}: {hit.found!r} in {text!r}" for text, hit in found[:5])
    assert not found, f"{len(found)} hits in {n} documents, most of {worst}:\n{shown}"


def test_no_document_of_a_short_training_holds_what_is_excluded(overlap: Overlap) -> None:
    assert_none(found_in_training(overlap, 10_000), 10_000)


@pytest.mark.slow
def test_no_document_of_the_whole_training_holds_what_is_excluded(overlap: Overlap) -> None:
    assert_none(found_in_training(overlap, TRAINED), TRAINED)


def plain(text: str) -> str:
    """The rule once more, in other code: lower case, no punctuation, every number as #."""
    kept = "".join(one for one in text.lower() if one.isascii() and (one.isalnum() or one == " "))
    return f" {' '.join(re.sub('[0-9]+', '#', kept).split())} "


def holds(text: str, one: Excluded) -> bool:
    """Whether a document holds what is excluded, run by run, without hashes."""
    pieces = [plain(piece).strip() for piece in re.split(r"\{\w+\}", one.text)]
    if re.search(f" {'(?: *[^ ]+){1,4} *'.join(map(re.escape, pieces))} ", plain(text)):
        return True
    own = " ".join(w for w in plain(text).split() if w not in STOP_WORDS)
    for part in one.parts:
        run = [w for w in plain(part).split() if w not in STOP_WORDS]
        for start in range(max(1, len(run) - RUN + 1)):
            if f" {' '.join(run[start : start + RUN])} " in f" {own} ":
                return True
    return False


def test_hits_are_those_of_a_search_without_hashes(overlap: Overlap) -> None:
    rng = random.Random(3)
    prompts = list(shipped())
    texts = [doc.text for doc in islice(mixed("train", 5), 150)]
    for one in prompts:
        own = one.text.split()
        start = rng.randrange(len(own))
        texts.append(" ".join(own[start : start + rng.randint(3, 30)]))
    caught = {(hit.place, hit.name) for hit in overlap.hits(texts)}
    searched = [one for one in overlap.excluded if one.name in {p.name for p in prompts}]
    found = {
        (place, one.name)
        for place, text in enumerate(texts)
        for one in searched
        if holds(text, one)
    }
    assert len(found) > 20
    assert {hit for hit in caught if not hit[1].startswith("taxonomy")} == found


def test_a_shipped_prompt_put_into_the_generator_is_found(
    overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, prompts = corpus.GENERATORS["facts"], list(shipped())
    leaks = cycle(prompts)

    def leaking(rng: random.Random, split: Split) -> Document:
        if rng.random() < 0.8:
            return own(rng, split)
        text = next(leaks).text.upper().replace(" ", "  ").replace(".", " !")
        return Document("facts", f"Listen: {text.replace(' 3', ' 17')} so.", split)

    monkeypatch.setitem(corpus.GENERATORS, "facts", leaking)
    found = found_in_training(overlap, 3_000, seed=2)
    assert {one.name for one in prompts} == {
        hit.name for text, hit in found if text.startswith("Listen") and "held out" not in hit.name
    }


def test_a_carrying_part_alone_is_found_and_the_payoffs_are_not(overlap: Overlap) -> None:
    rows = [one for one in shipped() if one.name.startswith("dilemmas/")]
    for one in rows:
        (part,) = one.parts
        assert content(part).count("action#") == 2
        assert len(content(part)) < len(content(one.text)) - 10
        assert one.name in {hit.name for hit in overlap.hits([f"Once more. {part} action1."])}
        payoffs = " ".join(s for s in re.split(r"(?<=[.:]) ", one.text) if re.search(r"\b\d\b", s))
        assert payoffs
        assert one.name not in {hit.name for hit in overlap.hits([payoffs])}


LAST = {"C": ("cooperated", "action1"), "D": ("defected", "action2")}


def test_every_shipped_dilemma_keeps_moves_story_and_question() -> None:
    rows = shipped_prompts()
    carrying = {one.text: one.parts for one in shipped()}
    assert len(rows) == 15
    for row in rows:
        (part,) = carrying[row["prompt"]]
        moved = re.search(r"You (?:cooperated|defected|alone)|Both of you|Last time", row["prompt"])
        assert moved
        assert part == row["prompt"][moved.start() :], "what is left out stands in front"
        state = row["scenario"][:2]
        assert Counter(re.findall(r"action\d", part)) == Counter(LAST[one][1] for one in state)
        assert set(re.findall(r"cooperated|defected", part)) <= {LAST[one][0] for one in state}
        *_, story, question = part.split(". ")
        assert re.fullmatch(r"(I will play|This round I choose)", question)
        assert len(story.split()) > 2
        assert not re.search(r"\b\d\b|points|means|To defect|Choose", part)


@pytest.mark.parametrize(
    "moves",
    [
        "Last round you chose to cooperate while they chose to defect.",
        "You decided to defect and they decided to cooperate.",
        "In round 3 you played action1 and they played action2.",
        "Their last move was action1, to cooperate, and your last move was action2, to defect.",
    ],
)
def test_moves_that_name_both_actions_or_a_number_carry(moves: str) -> None:
    frame = "A game. Choose action1 to cooperate or action2 to defect. Two defectors get 1 each."
    assert dilemma_parts(f"{frame} {moves} I choose") == (f"{moves} I choose",)


def test_a_run_of_seven_content_words_is_allowed_and_one_of_eight_is_not() -> None:
    letters = [3 * letter for letter in "abcdefghij"]
    one = Overlap([Excluded("own", "Nothing else", (" and the ".join(letters),))])
    assert one.hits([" ".join(letters[1:9])]) == [Hit(0, "own", " ".join(letters[1:9]))]
    assert one.hits([" ".join(letters[1:8])]) == []
    assert one.hits([" ".join(letters[1:8]), " ".join(letters[8:])]) == []
    short = Overlap([Excluded("own", "Nothing else", (" of ".join(letters[:4]),))])
    assert short.hits([f"Of {' '.join(letters[:4])}."]) != []
    assert short.hits([" ".join(letters[:3])]) == []


def test_a_slot_holds_one_to_four_words() -> None:
    one = Overlap([Excluded("own", "In round {n} {who} chose well, 7 times.")])
    assert one.hits(["And in round 12 the other player chose WELL 300 times!"])
    assert not one.hits(["In round 12 chose well, 7 times."])
    assert not one.hits(["In round 12 the very same kind other player of old chose well 7 times."])


def test_what_would_exclude_everything_is_refused() -> None:
    with pytest.raises(ModelError, match="longer template"):
        Overlap([Excluded("own", "{x} is in the {y}")])


def test_an_exempt_prompt_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    forbidden.cache_clear()
    name = next(shipped()).name
    monkeypatch.setattr(exclusion, "EXEMPT", {name: "a fact that is to be recalled"})
    assert name not in {one.name for one in forbidden()}
    forbidden.cache_clear()
    monkeypatch.setattr(exclusion, "EXEMPT", {"motifs/none.jsonl:1": "gone"})
    with pytest.raises(ModelError, match="motifs/none"):
        forbidden()
    monkeypatch.undo()
    forbidden.cache_clear()


def test_every_jsonl_of_a_study_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "newcomer"
    folder.mkdir()
    (folder / "own.jsonl").write_text('{"prompt": "A wolf met 12 people."}\n{"other": 1}\n')
    assert [(one.name, words(one.text)) for one in shipped(tmp_path)] == [
        ("newcomer/own.jsonl:1", ["a", "wolf", "met", "#", "people"])
    ]


PARTS = {"physics": 0.3, "facts": 0.35}
"""Least share where other things are held out too: markers of a place, whole branching prefixes."""


@pytest.mark.parametrize("kind", list(exclusion.HELD_OUT))
def test_heldout_documents_are_made_of_what_is_held_out(kind: str, overlap: Overlap) -> None:
    """Otherwise a kind could declare what it never uses, and hold out nothing."""
    asked = [doc.text for doc in documents(kind, "heldout", 0, 400) if "prompt" in doc.truth]
    own = {one.name for one in held_out() if one.name.startswith(f"{kind} ")}
    caught = {hit.place for hit in overlap.hits(asked) if hit.name in own}
    assert len(caught) >= PARTS.get(kind, 1.0) * len(asked)
