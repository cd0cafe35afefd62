"""Voice, content and domain crossed: what pairs of each factor hold, and where they are read."""

import json
from collections import Counter

import pytest

from microtome.errors import PromptError
from microtome.specimens.world.physics import DOMAINS, MARKERS, VOICES, beliefs
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.concepts import demand_concepts, end_of
from microtome.studies.misconceptions.material import factor_pairs, of_role, pairs_of
from microtome.studies.misconceptions.pair_files import read_pairs
from microtome.studies.misconceptions.pairs import FACTORS
from microtome.studies.misconceptions.reading import readings

STUDY = Misconceptions(model="specimen:world")
PAIRS = factor_pairs(STUDY)
LINE = {
    "id": "a", "pair_id": "p", "label": "correct", "prompt": "A car brakes. Its velocity is",
    "expected_correct_answer": " east", "misconception_answer": " west",
}  # fmt: skip


def stated_in(prompt):
    """Contents of the held-out beliefs that stand in a prompt."""
    return {
        content
        for domain in DOMAINS
        for term in domain.terms
        for content in ("right", "mistaken")
        for belief in beliefs(domain, term, content, "heldout")
        if belief in prompt.prompt and prompt.concept == term.name
    }


def marker_in(prompt):
    return next((v for v in VOICES if prompt.prompt.startswith(MARKERS[v])), "none")


def test_every_factor_has_as_many_pairs_as_are_held_out():
    assert Counter(pair.correct.role for pair in PAIRS) == dict.fromkeys(FACTORS, 24)
    assert len({prompt.id for pair in PAIRS for prompt in pair.members}) == 48 * len(FACTORS)


def test_crossed_pairs_have_each_belief_in_the_other_voice():
    for pair in of_role(PAIRS, "crossed"):
        right, wrong = pair.members
        assert (marker_in(right), marker_in(wrong)) == ("misconception", "textbook")
        assert (stated_in(right), stated_in(wrong)) == ({"right"}, {"mistaken"})
        rests = {p.prompt.split(":", 1)[1] for p in pair.members}
        assert len({len(rest.split(".")) for rest in rests}) == 1


def test_beliefs_to_select_on_share_no_statement_with_those_held_out():
    select, tested = (of_role(PAIRS, role) for role in ("content_select", "content"))
    for pair in select:
        assert not any(stated_in(prompt) or marker_in(prompt) != "none" for prompt in pair.members)
        assert pair.correct.prompt != pair.misconception.prompt
    for pair in tested:
        assert [stated_in(prompt) for prompt in pair.members] == [{"right"}, {"mistaken"}]


def test_beliefs_elsewhere_stand_before_one_sentence_without_physics_and_one_answer():
    terms = {term.name for domain in DOMAINS for term in domain.terms}
    for pair in of_role(PAIRS, "content_elsewhere"):
        first, second = (prompt.prompt.split(". ", 1) for prompt in pair.members)
        assert first[0] != second[0]
        assert first[1] == second[1]
        assert not terms & set(first[1].split())
        assert pair.correct.own == pair.misconception.own == pair.correct.correct


def test_each_misconception_has_a_name_and_its_own_pairs():
    for role in ("select", "test"):
        named = Counter(pair.correct.named for pair in of_role(pairs_of(STUDY), role))
        assert set(named.values()) == {4}
        assert len(named) == 6
        assert "velocity taken for acceleration" in named
    shipped = of_role(pairs_of(STUDY), "extra")
    assert {pair.correct.named for pair in shipped} <= set(named)


def test_the_concept_word_of_every_pair_is_found_in_its_prompt():
    pairs = (*pairs_of(STUDY), *PAIRS)
    demand_concepts(pairs)
    terms = {d.name: {t.name for t in d.terms} for d in DOMAINS}
    for pair in pairs:
        for prompt in pair.members:
            assert prompt.prompt[: end_of(prompt.concept, prompt.prompt)].endswith(prompt.concept)
            assert prompt.concept in terms.get(prompt.domain, {prompt.concept})


def test_the_concept_word_is_read_at_its_last_token_and_nothing_else_changes(world):
    pairs = (*of_role(pairs_of(STUDY), "test")[:6], *PAIRS[::12])
    last, concept = (readings(world, pairs, how) for how in ("last", "concept"))
    for one, other in zip(last, concept, strict=True):
        assert one.ids == other.ids
        (at,) = other.at
        text = world.tokenizer.decode(other.ids[: at + 1], skip_special_tokens=True)
        assert text.endswith(other.prompt.concept)
        assert at < one.at[0] == len(one.ids) - 1


def test_the_forced_answer_outside_physics_is_one_for_both_members(world):
    for role, same in (("elsewhere", True), ("content", False)):
        read = readings(world, of_role(PAIRS, role)[:4], "answer")
        for one, other in zip(read[::2], read[1::2], strict=True):
            answers = {one.ids[one.n_prompt :], other.ids[other.n_prompt :]}
            assert (len(answers) == 1) == same


def written(tmp_path, **changes):
    path = tmp_path / "own.jsonl"
    rows = ({**LINE, **changes}, {**LINE, "id": "b", "label": "misconception", **changes})
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_file_names_concept_and_misconception(tmp_path):
    (pair,) = read_pairs(written(tmp_path, concept="velocity", mistake="velocity is force"))
    assert (pair.correct.concept, pair.correct.named) == ("velocity", "velocity is force")
    (plain,) = read_pairs(written(tmp_path, domain="motion"))
    assert (plain.correct.concept, plain.correct.named) == ("", "motion")


def test_a_concept_that_is_no_word_of_the_prompt_is_named_with_its_line(tmp_path):
    for word in ("force", "veloc"):
        with pytest.raises(PromptError, match=rf"own\.jsonl, line 1: the concept '{word}'"):
            read_pairs(written(tmp_path, concept=word))


def test_a_word_that_stands_twice_is_read_where_it_is_asked_for():
    text = "The velocity of a car means where it goes. Its velocity is"
    assert end_of("velocity", text) == text.rindex("velocity") + len("velocity")
    assert end_of("velo", text) is None
