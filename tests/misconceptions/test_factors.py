"""Voice, domain and content kept apart: on planted codes, and on the specimen as read plainly."""

import json
import re

import numpy as np
import pytest

from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.specimens.world.physics import DOMAINS, MARKERS, VOICES
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
    outside, tested = of_role(factor_pairs(study), "elsewhere"), of_role(pairs_of(study), "test")
    assert len(outside) == len(tested) == 24
    terms = {term.name for domain in DOMAINS for term in domain.terms}
    for pair, held in zip(outside, tested, strict=True):
        rests = set()
        for voice, one, other in zip(VOICES, pair.members, held.members, strict=True):
            (marker,) = (m for m in MARKERS[voice] if other.prompt.startswith(m))
            assert one.prompt.startswith(marker)
            rests.add(one.prompt.removeprefix(marker))
        (rest,) = rests
        assert rest.split()[-1] == held.correct.prompt.split()[-1] == "is"
        assert not terms & set(rest.split())
    kinds = {pair.correct.domain for pair in outside}
    assert kinds == {"taxonomy", "facts", "moves"}
    assert len({pair.correct.prompt.split(":")[1] for pair in outside}) == 24
    shared = study.model_copy(update={"prompts": "shared", "generated": 0})
    assert factor_pairs(shared) == (), "without markers there is nothing to put elsewhere"


def test_content_pairs_are_generated_beside_those_outside_unless_the_file_has_some(tmp_path):
    study = Misconceptions(model="specimen:world")
    content = of_role(factor_pairs(study), "content")
    assert len(content) == 24
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, stated_lines())))
    own = study.model_copy(update={"prompts": str(path)})
    assert [p.id for p in of_role(factor_pairs(own), "content")] == [f"c{i}" for i in range(6)]
    assert len(of_role(factor_pairs(own), "elsewhere")) == 24
    alone = own.model_copy(update={"generated": 0})
    assert of_role(factor_pairs(alone), "elsewhere") == ()


def stated_lines():
    """Lines of six pairs of content of one's own."""
    return [
        {"id": f"c{i}{side}", "pair_id": f"c{i}", "label": label, "split": "content",
         "prompt": f"A {thing} goes east and brakes. Its acceleration is {said}. It is",
         "expected_correct_answer": " west", "misconception_answer": " east"}
        for i, thing in enumerate(("car", "train", "cart", "sled", "truck", "bicycle"))
        for side, label, said in (("a", "correct", "west"), ("b", "misconception", "east"))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    study = Misconceptions(
        model="specimen:world", dtype="float32", layers=(0,), permutations=40,
        steps=("factors",), output_dir=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip
    return run(study, terminal=Terminal())


def plainly(world, layer, feature, prompts):
    """Activations of a feature at the last token, by a plain hook and numpy, from its weights."""
    from microtome.dictionaries.load import load_dictionary

    own = load_dictionary(f"specimen:world/resid_post_{layer}", model=world)
    w, b = (t[feature].double().numpy() for t in (own.w_enc, own.b_enc))
    threshold = float(own.activation.threshold[feature])
    shift = 0 if own.b_in is None else own.b_in.double().numpy()
    caught = {}
    hook = world.hf.get_submodule(f"model.layers.{layer}").register_forward_hook(
        lambda _, __, out: caught.update(h=out[0] if isinstance(out, tuple) else out)
    )
    found = []
    for prompt in prompts:
        world.hf(**world.tokenizer(prompt, return_tensors="pt"))
        h = caught["h"].detach().double().numpy()
        z = float((h.reshape(-1, h.shape[-1])[-1] - shift) @ w + b)
        found.append(z if z > threshold else 0.0)
    hook.remove()
    return np.array(found)


@pytest.mark.medium
def test_the_table_holds_what_plain_hooks_read(world, record):
    study = Misconceptions(model="specimen:world", dtype="float32", layers=(0,))
    table = record.table("factors")
    assert len(table) > 0
    pairs = {
        "inside": of_role(pairs_of(study), "test"),
        "outside": of_role(factor_pairs(study), "elsewhere"),
    }
    for _, row in table.head(3).iterrows():
        sides = ("correct", "misconception")
        own, other = sides if row["side"] == "correct" else sides[::-1]
        for name, chosen in pairs.items():
            after = {
                side: plainly(world, 0, row["feature"], [getattr(p, side).prompt for p in chosen])
                for side in sides
            }
            assert row[f"{name}_after_own_marker"] == pytest.approx(after[own].mean(), abs=0.02)
            assert row[f"{name}_after_other_marker"] == pytest.approx(after[other].mean(), abs=0.02)
            assert row[f"{name}_fires"] == (after[own] > 0).sum()


@pytest.mark.medium
def test_every_factor_is_in_the_data_and_the_findings_say_the_table(record):
    table = record.table("factors")
    assert (table["outside_n"] == 24).all()
    assert (table["content_n"] == 24).all()
    first, second = (f for f in record.findings if f["step"] == "factors")
    assert "not in these data" not in first["evidence"]["detail"]
    for verdict, count in table["verdict"].value_counts().items():
        assert f"{count} {verdict}" in first["answer"] + first["evidence"]["detail"]
    row = table.iloc[0]
    assert f"L0 #{row['feature']} reads" in second["answer"]
    assert f"It is {row['verdict']}" in second["evidence"]["detail"]
    (control,) = (f["evidence"]["control"] for f in record.findings if f["about"] == "verdicts")
    assert re.match(r"0 of \d+ verdicts are of the voice with labels exchanged", control)


@pytest.mark.medium
def test_content_pairs_of_a_file_are_read_and_select_nothing(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, stated_lines())))
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
