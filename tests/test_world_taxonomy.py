"""The taxonomy of `specimen:world`: tree, forms, classes, and documents true of all three."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from itertools import islice
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from microtome.errors import ModelError
from microtome.specimens.world import documents
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.facts import table
from microtome.specimens.world.taxonomy import (
    asked_forms,
    classes,
    forms,
    held_out_form,
    lineage,
    plural,
    tree,
)
from microtome.specimens.world.tokenizer import check, train_tokenizer, whole_words


def test_four_parents_have_five_children_of_twenty_nouns() -> None:
    sizes = {p: [len(c["nouns"]) for c in node["children"].values()] for p, node in tree().items()}
    large = [p for p, own in sizes.items() if len(own) >= 5 and min(own) >= 20]
    assert len(large) >= 4
    assert len(tree()) - len(large) >= 3
    assert min(map(len, sizes.values())) >= 3
    assert sum(map(sum, sizes.values())) == len(lineage())


def test_no_word_means_two_things() -> None:
    every = Counter(form for noun in lineage() for form in forms(noun).values())
    every.update({name for path in lineage().values() for name in path})
    assert [word for word, n in every.items() if n > 1] == []


@pytest.mark.parametrize(
    ("noun", "many"),
    [("wolf", "wolves"), ("finch", "finches"), ("cherry", "cherries"), ("donkey", "donkeys"),
     ("piano", "pianos"), ("mango", "mangoes"), ("compass", "compasses"), ("rose", "roses")],
)  # fmt: skip
def test_plurals(noun: str, many: str) -> None:
    assert forms(noun) == {"singular": noun, "plural": many, "capital": noun.capitalize()}
    assert plural(noun) == many


def test_classes_cut_across_the_tree() -> None:
    stated = [one for one in classes().values() if one.frame]
    assert len(stated) >= 8
    assert len(classes()) > len(stated)
    names = {name for path in lineage().values() for name in path} | set(lineage())
    for one in classes().values():
        assert len(one.nouns) == len(set(one.nouns)) >= 20
        assert one.name not in names
        parents = Counter(lineage()[noun][1] for noun in one.nouns)
        children = Counter(lineage()[noun][0] for noun in one.nouns)
        assert len(parents) >= 5
        assert max(parents.values()) / len(one.nouns) < 0.45
        assert max(children.values()) / len(one.nouns) < 0.3


def test_a_noun_is_in_one_class_of_a_frame() -> None:
    inside = Counter((noun, c.frame) for c in classes().values() if c.frame for noun in c.nouns)
    assert set(inside.values()) == {1}


def test_answers_follow_the_tree_and_the_classes() -> None:
    for split in ("train", "heldout"):
        tasks = Counter()
        for doc in documents("taxonomy", split, 0, 2000):
            truth = doc.truth
            tasks[truth["task"]] += 1
            if truth["task"] == "list":
                assert all(truth["concept"] in lineage()[noun] for noun in truth["nouns"])
                assert all(f" {forms(n)[truth['form']]}" in doc.text for n in truth["nouns"])
                continue
            child, parent = lineage()[truth["noun"]]
            assert (truth["child"], truth["parent"]) == (child, parent)
            if truth["task"] in ("child", "parent"):
                assert truth["answer"].strip() == (child, parent)[truth["task"] == "parent"]
            if truth["task"] == "class":
                assert truth["noun"] in classes()[truth["answer"].strip()].nouns
            if truth["task"] == "decide":
                asked = re.search(r"in the group (\w+)\?", doc.text)
                assert asked
                assert (asked[1] == parent) == (truth["answer"] == " Yes")
        assert {"child", "parent", "class"} <= set(tasks)


def test_a_noun_and_its_form_stand_in_the_text() -> None:
    for doc in documents("taxonomy", "train", 1, 3000):
        if doc.truth["task"] in ("properties", "list"):
            continue
        form = forms(doc.truth["noun"])[doc.truth["form"]]
        assert re.search(rf"\b{form}\b", doc.text, 0 if doc.truth["form"] == "capital" else re.I)


def test_the_unasked_form_occurs_in_training_and_is_never_asked_after() -> None:
    asked, seen = defaultdict(set), defaultdict(set)
    for doc in documents("taxonomy", "train", 2, 40_000):
        truth = doc.truth
        if truth["task"] in ("child", "parent", "decide"):
            asked[truth["noun"]].add(truth["form"])
        elif truth["task"] == "list":
            for noun in truth["nouns"]:
                seen[noun].add(truth["form"])
    for noun in lineage():
        assert asked[noun] == set(asked_forms(noun))
        assert held_out_form(noun) in seen[noun]
    for doc in documents("taxonomy", "heldout", 2, 2000):
        if doc.truth["heldout"] == "form":
            assert doc.truth["form"] == held_out_form(doc.truth["noun"])


def test_plural_sentences_agree() -> None:
    many = {plural(noun) for noun in lineage()}
    for doc in documents("taxonomy", "train", 4, 20_000):
        subject, *after = re.findall(r"[a-z]+", doc.text.lower())[:2]
        if subject in many:
            assert after[0] not in {"is", "has", "was", "belongs", "falls", "comes"}, doc.text


def test_classes_are_asked_for_and_never_lead_to_a_noun() -> None:
    stated = {one.name for one in classes().values() if one.frame}
    silent = {one.name for one in classes().values() if not one.frame}
    for doc in documents("taxonomy", "train", 5, 20_000):
        said = set(re.findall(r"[a-z]+", doc.text.lower()))
        assert not said & silent
        if said & stated:
            assert doc.truth["task"] == "class"
            assert doc.text.endswith(f"{doc.truth['answer']}.")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer((d.text for d in islice(mixed("train", 0), 4000)), 3072)


def test_every_form_is_one_token_of_its_own(tokenizer: Any, tmp_path: Any) -> None:
    tokenizer.save_pretrained(tmp_path)
    back = AutoTokenizer.from_pretrained(tmp_path)
    check(back)
    every = [form for noun in lineage() for form in forms(noun).values()]
    first = [back(f" {form}", add_special_tokens=False)["input_ids"] for form in every]
    assert {len(ids) for ids in first} == {1}
    assert len({ids[0] for ids in first}) == len(every) == 3 * len(lineage())
    for doc in islice(mixed("train", 6), 200):
        ids = back(doc.text)["input_ids"]
        assert back.decode(ids, skip_special_tokens=True) == doc.text


def test_the_vocabulary_is_as_small_as_asked(tokenizer: Any) -> None:
    assert len(tokenizer) <= 3072
    assert len(whole_words()) + 2500 < 6144
    ids = {
        tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0] for word in whole_words()
    }
    assert len(ids) == len(whole_words())


def test_names_of_facts_are_whole_and_their_loss_is_seen(tokenizer: Any) -> None:
    facts = table.whole_words()
    assert set(facts) <= set(whole_words())
    assert {len(tokenizer.tokenize(f" {word}")) for word in facts} == {1}
    read = json.loads(tokenizer.backend_tokenizer.to_str())
    del read["model"]["vocab"][f"\u0120{facts[0]}"]
    with pytest.raises(ModelError, match=f"1 words are no single token .{facts[0]}"):
        check(PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(read))))


def test_a_vocabulary_without_room_is_refused() -> None:
    with pytest.raises(ModelError, match="ask for at least"):
        train_tokenizer(["A wolf."], 1024)
