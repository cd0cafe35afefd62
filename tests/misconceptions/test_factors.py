"""Voice, domain and content kept apart: on planted codes, and on the specimen's feature 36."""

import json
import re

import numpy as np
import pytest

from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.specimens.world.kinematics import MARKERS, QUANTITIES, SCENES
from microtome.statistics import Level
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.contrasting import Feature, Sides, contrast
from microtome.studies.misconceptions.factoring import (
    BOTH,
    CONTENT,
    DOMAIN,
    UNDECIDED,
    VOICE,
    effects,
)
from microtome.studies.misconceptions.material import factor_pairs, of_role, pairs_of

PAIRS = 24
VOICED, SPECIFIC, STATED, ALWAYS = range(4)
"""Planted: after the marker everywhere; after it in physics; where a misconception is stated,
marker or not (in physics both go together); and in physics with every speaker."""
FIRES = {
    "select": (VOICED, SPECIFIC, STATED), "test": (VOICED, SPECIFIC, STATED),
    "elsewhere": (VOICED,), "content": (STATED,),
}  # fmt: skip


def planted(rng, role, exchanged=False):
    """Codes "pair feature" of both members: four planted features and 40 that know nothing."""
    one, two = np.maximum(rng.normal(-0.3, 1, (2, PAIRS, 44)), 0)
    one[:, :4], two[:, :4] = 0, 0
    for feature in FIRES[role]:
        two[:, feature] = rng.normal(5, 1.5, PAIRS).clip(0) * (rng.random(PAIRS) < 0.9)
    if role != "elsewhere":
        one[:, ALWAYS], two[:, ALWAYS] = rng.normal(4, 1, (2, PAIRS)).clip(0)
    if exchanged:
        swapped = rng.random(PAIRS)[:, None] < 0.5
        one, two = np.where(swapped, two, one), np.where(swapped, one, two)
    features = tuple(Feature(0, i) for i in range(44))
    return Sides(features, tuple(f"{role}{i}" for i in range(PAIRS)), one, two)


def verdicts(seed, exchanged=False, without=()):
    rng = np.random.default_rng(seed)
    by_role = {role: planted(rng, role, exchanged) for role in FIRES}
    found = contrast(by_role["select"], min_pairs=5, at=Level(seed=seed))
    named = [
        (f, "correct" if m > 0 else "misconception")
        for f, m, c in zip(found.features, found.mean, found.claimed, strict=True)
        if c
    ]
    roles = (None if r in without else by_role[r] for r in ("elsewhere", "content"))
    return {e.feature.number: e.verdict for e in effects(named, by_role["test"], *roles, Level())}


def test_each_planted_feature_gets_its_verdict_and_exchanged_labels_none():
    due = {VOICED: VOICE, SPECIFIC: DOMAIN, STATED: CONTENT}
    right = [{f: v for f, v in verdicts(seed).items() if f in due} == due for seed in range(20)]
    assert sum(right) >= 19
    every = [verdicts(seed) for seed in range(20)]
    assert not any(ALWAYS in found for found in every), "it knows no voice"
    exchanged = [verdicts(seed, exchanged=True) for seed in range(20)]
    given = [set(found.values()) - {"undecided"} for found in exchanged]
    assert sum(not one for one in given) >= 19


def test_without_content_pairs_a_feature_of_what_is_stated_passes_for_one_of_the_domain():
    found = verdicts(1, without=("content",))
    assert [found[f] for f in (VOICED, SPECIFIC, STATED)] == [VOICE, DOMAIN, DOMAIN]
    nothing = verdicts(1, without=("elsewhere", "content"))
    assert set(nothing.values()) == {UNDECIDED}


@pytest.mark.parametrize(
    ("outside", "content", "due"),
    [(1.0, 0.0, VOICE), (0.0, 1.0, CONTENT), (1.0, 1.0, BOTH), (0.0, 0.0, DOMAIN),
     (0.5, 0.0, UNDECIDED), (0.75, 0.0, VOICE), (0.25, 0.0, DOMAIN)],
)  # fmt: skip
def test_half_of_the_effect_inside_is_where_a_factor_begins_to_carry(outside, content, due):
    rng = np.random.default_rng(0)

    def of(role, size):
        two = size * rng.normal(5, 0.8, (PAIRS, 1))
        pairs = tuple(f"{role}{i}" for i in range(PAIRS))
        return Sides((Feature(0, 0),), pairs, 0 * two, two)

    named = [(Feature(0, 0), "misconception")]
    inside = of("test", 1.0)
    (found,) = effects(named, inside, of("out", outside), of("content", content), Level())
    assert found.verdict == due
    (turned,) = effects([(Feature(0, 0), "correct")], inside, inside, None, Level())
    assert turned.verdict == UNDECIDED, "the held-out pairs give the other direction"


def test_pairs_outside_the_domain_have_the_held_out_markers_and_no_physics():
    study = Misconceptions(model="specimen:world")
    outside, tested = factor_pairs(study), of_role(pairs_of(study), "test")
    assert len(outside) == len(tested) == 24
    words = {w for scene in SCENES for text in scene.phrasings for w in text.split() if len(w) > 4}
    for pair, held in zip(outside, tested, strict=True):
        rests = set()
        for voice, one, other in zip(MARKERS, pair.members, held.members, strict=True):
            (marker,) = (m for m in MARKERS[voice] if other.prompt.startswith(m))
            assert one.prompt.startswith(marker)
            rests.add(one.prompt.removeprefix(marker))
        (rest,) = rests
        assert rest.split()[-1] == held.correct.prompt.split()[-1] == "is"
        assert not words & set(rest.split())
        assert not any(quantity in rest for quantity in QUANTITIES)
    kinds = {pair.correct.domain for pair in outside}
    assert kinds == {"taxonomy", "facts"}
    assert len({pair.correct.prompt.split(":")[1] for pair in outside}) == 24
    shared = study.model_copy(update={"prompts": "shared", "generated": 0})
    assert factor_pairs(shared) == (), "without markers there is nothing to put elsewhere"


def test_feature_36_fires_after_the_same_markers_before_anything(world):
    """Read at the last token through plain hooks and numpy, from the dictionary's weights."""
    from microtome.dictionaries.load import load_dictionary
    from microtome.specimens.world.corpus import documents

    own = load_dictionary("specimen:world/resid_post_0", model=world)
    w, b = (t[36].double().numpy() for t in (own.w_enc, own.b_enc))
    shift = 0 if own.b_in is None else own.b_in.double().numpy()
    caught = {}
    block = world.hf.get_submodule("model.layers.0")
    hook = block.register_forward_hook(
        lambda _, __, out: caught.update(h=out[0] if isinstance(out, tuple) else out)
    )

    def reads(prompt):
        world.hf(**world.tokenizer(prompt, return_tensors="pt"))
        h = caught["h"].detach().double().numpy()
        return max(0.0, float((h.reshape(-1, h.shape[-1])[-1] - shift) @ w + b))

    elsewhere = [
        d.truth["prompt"] for kind in ("taxonomy", "facts") for d in documents(kind, "heldout", 3)
    ]
    elsewhere = [text for text in dict.fromkeys(elsewhere) if text.endswith(" is")][:16]
    physics = [
        d.truth["prompt"] for d in documents("kinematics", "heldout", 3, 200)
        if d.truth["voice"] == "none"
    ][:16]  # fmt: skip
    marked = {
        (name, voice): [
            reads(f"{MARKERS[voice][i % 8]} {text}") for i, text in enumerate(sentences)
        ]
        for name, sentences in (("physics", physics), ("elsewhere", elsewhere))
        for voice in MARKERS
    }
    hook.remove()
    assert len(elsewhere) == len(physics) == 16
    assert np.mean(marked["physics", "misconception"]) == pytest.approx(7.24, abs=0.5)
    assert np.mean(marked["elsewhere", "misconception"]) == pytest.approx(7.15, abs=0.5)
    assert min(marked["elsewhere", "misconception"]) > 4, "16 of 16"
    assert max(marked["elsewhere", "textbook"]) < 1


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    study = Misconceptions(
        model="specimen:world", dtype="float32", layers=(0,), permutations=40,
        steps=("factors",), output_dir=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip
    return run(study, terminal=Terminal())


@pytest.mark.medium
def test_on_the_specimen_feature_36_is_of_the_voice_and_content_is_not_in_these_data(record):
    table = record.table("factors")
    row = table[(table["layer"] == 0) & (table["feature"] == 36)].iloc[0]
    assert row["verdict"] == VOICE
    assert row["outside_fires"] == row["outside_n"] == 24
    assert row["inside_after_own_marker"] == pytest.approx(7.24, abs=0.5)
    assert row["outside_after_own_marker"] == pytest.approx(7.15, abs=0.5)
    assert table["content_value"].isna().all()
    first, second = (f for f in record.findings if f["step"] == "factors")
    assert "Factor content: not in these data." in first["evidence"]["detail"]
    assert "It is of the voice" in second["evidence"]["detail"]
    assert second["verdict"] == "supported"
    assert second["answer"].startswith("L0 #36 reads the voice outside the domain too")
    (control,) = (f["evidence"]["control"] for f in record.findings if f["about"] == "verdicts")
    assert re.match(r"0 of \d+ verdicts are of the voice with labels exchanged", control)


@pytest.mark.medium
def test_content_pairs_of_a_file_are_read_and_select_nothing(tmp_path):
    lines = []
    for i, thing in enumerate(("car", "train", "cart", "sled", "truck", "bicycle")):
        for side, label, said in (("a", "correct", "west"), ("b", "misconception", "east")):
            lines.append(
                {"id": f"c{i}{side}", "pair_id": f"c{i}", "label": label, "split": "content",
                 "prompt": f"A {thing} goes east and brakes. Its acceleration is {said}. It is",
                 "expected_correct_answer": " west", "misconception_answer": " east"}
            )  # fmt: skip
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    study = Misconceptions(
        model="specimen:world", dtype="float32", layers=(0,), prompts=str(path),
        permutations=20, steps=("factors",), output_dir=tmp_path / "runs",
    )  # fmt: skip
    assert {p.correct.role for p in pairs_of(study)} == {"select", "test"}
    found = run(study, terminal=Terminal())
    table = found.table("factors")
    assert (table["content_n"] == 6).all()
    assert (table["outside_n"] == 24).all()
    assert not any("not in these data" in f["evidence"]["detail"] for f in found.findings)
