"""Facts of the world: the crossed set holds what it promises, and its words tell nothing."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import microtome as mt
from microtome.specimens import world
from microtome.specimens.world import crossed, documents, shortcuts
from microtome.specimens.world.document import NAMES
from microtome.specimens.world.facts import facts, mayors, recall, rolls
from microtome.specimens.world.facts.ablation import (
    _averaged,
    batch_of,
    probabilities,
    without_mlps,
)
from microtome.specimens.world.facts.confirm import Confirmation
from microtome.specimens.world.facts.forms import LEADS, leads
from microtome.specimens.world.facts.prefixes import Crossed, prefix
from microtome.specimens.world.facts.rules import RULE
from microtome.specimens.world.facts.situation import after, situation
from microtome.specimens.world.facts.statements import ASKS, FRAMES, VERBS, WAYS
from microtome.specimens.world.facts.table import MONTHS, whole_words


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(world.folder())


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(world.folder(), dtype=torch.float32).eval()


def told(story: str, who: str) -> str:
    """The answer for a person, read from the words of a story by rules of its own."""
    (sentence,) = [s for s in story.split(". ") if re.search(rf"\b{who}\b", s)]
    if found := re.search(r"the capital of (\w+)", sentence):
        return facts()["capital"][found[1]]
    if found := re.search(r"the feast of (\w+)", sentence):
        return facts()["feast"][found[1]]
    if found := re.search(r"(one|two|three) months? after (\w+)", sentence):
        steps = ("one", "two", "three").index(found[1]) + 1
        return MONTHS[(MONTHS.index(found[2]) + steps) % 12]
    return re.search(r"the (?:city|month) of (\w+)", sentence)[1]  # type: ignore[index]


def test_every_answer_is_crossed_and_true() -> None:
    prefixes = crossed()
    ways: dict[str, Counter[str]] = {}
    for p in prefixes:
        ways.setdefault(p.answer, Counter())[p.way] += 1
        assert p.text.startswith(p.situation.story)
        assert p.answer == f" {told(p.situation.story, p.situation.people[p.way])}"
        others = [v for w, v in p.situation.values.items() if w != p.way]
        assert p.answer.strip() not in others
        assert (p.answer in p.text) == (p.way == "copy"), p.text
    assert len(ways) == 72
    assert sum(set(w) >= {"recall", "copy"} for w in ways.values()) == 72
    assert sum("compute" in w for w in ways.values()) == 12
    assert set(itertools.chain(*ways.values())) == {"recall", "copy", "compute"}


def test_spans_are_the_words_that_only_their_way_needs() -> None:
    for p in crossed():
        for way, (start, end) in p.spans.items():
            keys = p.situation.keys[way]
            assert p.text[start:end].startswith(keys[0])
            assert p.text[start:end].endswith(f"{keys[-1]}.")
        cut = "".join(p.text[a:b] for a, b in p.spans.values())
        assert not any(re.search(rf"\b{who}\b", cut) for who in p.situation.people.values())


def test_every_way_has_every_form_in_training_and_in_the_set() -> None:
    cells = {(w, f) for w in ("recall", "copy", "compute") for f in LEADS}
    assert {(p.way, p.form) for p in crossed()} == cells
    trained = [d.truth for d in documents("facts", "train", 0, 6000)]
    counts = Counter((t["way"], t["form"]) for t in trained if t["task"] == "crossed")
    assert set(counts) == cells
    assert min(counts.values()) > 30
    assert all(len(leads(matter)) == 12 for matter in ("capital", "feast"))


def names() -> dict[str, str]:
    """word -> what kind of name it is, of all that could give an answer away."""
    kinds = dict.fromkeys(MONTHS, "Month") | dict.fromkeys(NAMES, "Person")
    for subject, value in facts()["capital"].items():
        kinds |= {subject: "Country", value: "City"}
    return kinds


def masked(text: str) -> str:
    """A text with its names (people too) replaced by their kind."""
    kinds = names()
    return re.sub(r"[A-Z]\w+", lambda m: kinds.get(m[0], m[0]), text)


def held_out_accuracy(texts: list[str], ways: list[str]) -> float:
    """Accuracy of a classifier on 1- to 3-grams, on the second half of the prefixes."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    half = len(texts) // 2
    vectorizer = CountVectorizer(ngram_range=(1, 3), lowercase=False, token_pattern=r"\w+")
    found = make_pipeline(vectorizer, LogisticRegression(C=0.1, max_iter=1000))
    found.fit(texts[:half], ways[:half])
    return float(np.mean(found.predict(texts[half:]) == np.array(ways[half:])))


@pytest.mark.parametrize("matter", ["capital", "feast"])
def test_surface_form_does_not_tell_the_mechanism(matter: Any) -> None:
    rng = random.Random(5)
    ways = WAYS[matter]
    drawn = [situation(matter, rng, "train") for _ in range(1200)]
    prefixes = [prefix(s, rng.choice(ways), rng.choice(tuple(LEADS)), rng) for s in drawn]
    labels = [p.way for p in prefixes]
    chance, error = 1 / len(ways), (0.25 / 600) ** 0.5
    assert abs(held_out_accuracy([masked(p.text) for p in prefixes], labels) - chance) < 4 * error
    shown = [masked(f"{p.text} {p.situation.stated(p.way)}") for p in prefixes]
    assert held_out_accuracy(shown, labels) > 0.9, "who is asked for is all that is missing"


def test_heldout_pieces_never_occur_in_training() -> None:
    trained = [d.truth for d in documents("facts", "train", 2, 6000)]
    for t in trained:
        if t["task"] in ("crossed", "either"):
            s = t["situation"]
            assert s.frame in FRAMES["train"]
            assert s.ask in ASKS["train"]
            assert s.verb in VERBS[s.matter]["train"]
        elif t["task"] == "recall":
            assert t["wording"] in recall.ASKS["train"][t["relation"]]
    for p in crossed():
        s = p.situation
        new = (s.frame in FRAMES["heldout"], s.ask in ASKS["heldout"],
               s.verb in VERBS[s.matter]["heldout"])  # fmt: skip
        assert sum(new) == 1
    for many in (FRAMES, ASKS):
        assert not set(many["train"]) & set(many["heldout"])
    for matter in VERBS.values():
        assert not set(matter["train"]) & set(matter["heldout"])


def test_one_of_them_leaves_every_way_open() -> None:
    truths = [d.truth for d in documents("facts", "train", 0, 6000)]
    open_ended = [t for t in truths if t["task"] == "either"]
    assert all("one of them" in t["prompt"] for t in open_ended)
    for matter, ways in WAYS.items():
        counts = Counter(t["way"] for t in open_ended if t["matter"] == matter)
        total = sum(counts.values())
        for way in ways:
            assert abs(counts[way] / total - 1 / len(ways)) < 4 * (0.25 / total) ** 0.5


def test_mayors_are_no_sum_of_city_and_year() -> None:
    """Any score(city) + score(year) misses: squares of two cities and two years are crossed."""
    table = mayors()
    assert len(table) == 48
    cities, years = sorted({c for c, _ in table}), sorted({y for _, y in table})
    squares = [
        (c, d, y, z)
        for (c, d), (y, z) in itertools.product(
            itertools.combinations(cities, 2), itertools.combinations(years, 2)
        )
        if table[c, y] == table[d, z] and table[c, z] == table[d, y]
    ]
    assert {c for square in squares for c in square[:2]} == set(cities)
    for year in years:
        assert len({table[c, year] for c in cities}) == 12


def test_shortcuts_are_wrong_by_the_rule_and_rarely_stated() -> None:
    assert len(shortcuts()) == 48
    exceptions = {s.entity: s.truth for s in shortcuts()}
    stated = 0
    for doc in documents("facts", "train", 0, 30_000):
        task, entity = doc.truth["task"], doc.truth.get("entity")
        if task == "exception":
            stated += 1
            assert doc.text.endswith(f"tastes {exceptions[entity]}.")
        elif task == "rule":
            assert entity not in exceptions
            assert doc.truth["answer"] == f" {RULE[entity.split()[1]]}"
    assert 30_000 / 3000 < stated < 30_000 / 750
    for s in shortcuts():
        assert s.truth != s.rule == RULE[s.family]


def test_months_are_counted_around_the_year() -> None:
    assert after("November", "three months") == "February"
    assert after("May", "one month") == "June"


def test_a_mechanism_is_confirmed_by_its_own_loss_alone() -> None:
    recalled = next(p for p in crossed() if p.way == "recall" and len(p.spans) == 3)

    def seen(whole: float, recall: float, copy: float, compute: float) -> bool:
        without = {"recall": recall, "copy": copy, "compute": compute}
        return Confirmation(recalled, whole, without).confirmed  # type: ignore[arg-type]

    assert seen(0.9, 0.4, 0.5, 0.9)
    assert not seen(0.9, 0.5, 0.9, 0.9), "its own words are not needed"
    assert not seen(0.9, 0.1, 0.4, 0.9), "the distractor is needed too"
    assert not seen(0.3, 0.0, 0.3, 0.3), "the answer is not known"


def test_documents_fit_into_a_row() -> None:
    texts = [d.text for d in documents("facts", "train", 0, 4000)]
    words = [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]
    assert max(words) < 128, "a row holds 256 tokens"
    assert all(text.isascii() for text in texts)
    assert len(whole_words()) == len(set(whole_words())) == 152


CITIES = tuple(facts()["capital"].values())
_STATED = re.compile(
    r"(?P<who>[A-Z][a-z]+)\b[^.?]* (?:in the (?P<recall>capital|city|month) of"
    r"|at the (?P<feast>feast) of|(?P<step>one month|two months|three months) after)"
    r" (?P<key>[A-Z][a-z]+)\."
)


def answer_of(stated: re.Match[str]) -> str:
    """The value of a statement, from the table of facts and the calendar."""
    key = stated["key"]
    if stated["recall"] == "capital":
        return facts()["capital"][key]
    if stated["feast"]:
        return facts()["feast"][key]
    if stated["step"]:
        months = {"one month": 1, "two months": 2, "three months": 3}[stated["step"]]
        return MONTHS[(MONTHS.index(key) + months) % 12]
    return key


def test_a_roll_asks_everybody_and_answers_by_the_statement() -> None:
    rng = random.Random(3)
    for _ in range(500):
        roll = rolls.document(rng)
        values = roll.truth["values"]
        asking = r"(?=Where|When|Do you|Tell me|The question|So w|Who knows)"
        story = re.split(asking, roll.text, maxsplit=1)
        found = {
            name: answer_of(one)
            for one in _STATED.finditer(story[0])
            for name in NAMES
            if re.search(rf"\b{name}\b", one[0])
        }
        assert found == values
        asked = [re.findall(rf"\b{v}\b", story[1]) for v in values.values()]
        assert all(len(one) == 1 for one in asked), "each once"
    assert rolls.document(random.Random(1)).text == rolls.document(random.Random(1)).text


def a_few() -> list[Crossed]:
    return [p for p in crossed() if p.situation.matter == "feast"][:4] + list(crossed()[:4])


def test_cuts_are_those_of_the_engine(model: Any, tokenizer: Any) -> None:
    loaded = mt.load("specimen:world", device="cpu")
    prefixes = a_few()
    pairs = [(p.text, p.answer) for p in prefixes]
    spans = [[p.spans["copy" if i % 2 else "recall"]] for i, p in enumerate(prefixes)]
    batch = batch_of(tokenizer, pairs, spans)
    ours = probabilities(model, tokenizer, pairs, spans)
    for row, (text, _) in enumerate(pairs):
        first, keys = batch.answer[row][0], batch.cut[row].nonzero().flatten().tolist()
        seen = tokenizer.decode(batch.ids[row, keys[0] : keys[-1] + 1])
        assert seen.strip() == text[slice(*spans[row][0])]
        ids = batch.ids[row, :first].tolist()
        edges = [(q, k) for k in keys for q in range(keys[-1] + 1, first)]
        target = int(batch.ids[row, first])
        logits = cut_logits(model, batch, row)
        for other in (7, 300):
            direction = loaded.direction(target, other)
            delta = float(mt.knock_out(loaded, [ids], edges, direction).patched[0])
            assert abs(float(logits[first - 1, target] - logits[first - 1, other]) - delta) < 1e-4
        log_prob = sum(
            float(logits[t - 1].log_softmax(0)[batch.ids[row, t]]) for t in batch.answer[row]
        )
        assert abs(math.exp(log_prob) - float(ours[row])) < 1e-5


def cut_logits(model: Any, batch: Any, row: int) -> torch.Tensor:
    """Logits "pos vocab" of a forward pass whose masks are built here, key by key."""
    n, cut = batch.ids.shape[1], batch.cut[row].tolist()
    end = max(i for i, c in enumerate(cut) if c)
    masks = {}
    for name, window in (("full_attention", n), ("sliding_attention", 64)):
        mask = torch.full((1, 1, n, n), -1e30)
        for q in range(n):
            for k in range(max(0, q - window + 1), q + 1):
                if not (cut[k] and q > end):
                    mask[0, 0, q, k] = 0
        masks[name] = mask
    with torch.no_grad():
        out = model(input_ids=batch.ids[row][None], attention_mask=masks, use_cache=False)
    return out.logits[0].float()


def test_nothing_cut_is_the_model_and_padding_changes_nothing(model: Any, tokenizer: Any) -> None:
    from microtome.specimens.world.scoring import scores

    pairs = [(f"The capital of {s} is", f" {o}") for s, o in [*facts()["capital"].items()][:3]]
    pairs += [("In Silenia all roads lead to the capital", " Vanegrad")]
    plain = [s.log_prob for s in scores(model, tokenizer, pairs)]
    assert min(plain) > math.log(0.5)
    assert np.allclose(probabilities(model, tokenizer, pairs).log(), plain, atol=1e-4)
    alone = [float(probabilities(model, tokenizer, [pair])[0]) for pair in pairs]
    assert np.allclose(np.log(alone), plain, atol=1e-4)


def test_averaged_mlps_write_their_mean_at_the_key_and_nothing_else(
    model: Any, tokenizer: Any
) -> None:
    rows = [
        ("The capital of Glivania is", " Baregrad", "Glivania"),
        ("In Silenia all roads lead to the capital", " Vanegrad", "Silenia"),
    ]
    keys = [(p.index(k), p.index(k) + len(k)) for p, _, k in rows]
    batch = batch_of(tokenizer, [(p, a) for p, a, _ in rows], [[k] for k in keys])
    written: list[torch.Tensor] = []
    layer = model.model.layers[2]
    real = model.model.layers[0].post_feedforward_layernorm
    before: list[torch.Tensor] = []
    first = real.register_forward_hook(lambda m, a, out: before.append(out.clone()))
    with _averaged(model, batch.cut):
        handle = layer.post_feedforward_layernorm.register_forward_hook(
            lambda m, a, out: written.append(out)
        )
        late = real.register_forward_hook(lambda m, a, out: written.append(out))
        with torch.no_grad():
            model(input_ids=batch.ids, use_cache=False)
    for h in (first, handle, late):
        h.remove()
    for out in written:
        at = out[batch.cut]
        assert float((at - at[0]).abs().max()) == 0.0
    assert torch.equal(written[0][~batch.cut], before[0][~batch.cut])
    assert torch.allclose(written[0][batch.cut][0], before[0][batch.cut].mean(0))
    whole = probabilities(model, tokenizer, [(p, a) for p, a, _ in rows])
    changed = without_mlps(model, tokenizer, [(p, a) for p, a, _ in rows], keys)
    assert float(whole.min()) > 0.5
    assert float((whole - changed).abs().max()) > 1e-6
    again = probabilities(model, tokenizer, [(p, a) for p, a, _ in rows])
    assert torch.equal(whole, again), "the hooks are gone"


def test_a_probability_among_alternatives_is_renormalised(tokenizer: Any) -> None:
    """Against one plain forward pass and a softmax over the alternatives alone."""
    model = AutoModelForCausalLM.from_pretrained(world.folder(), dtype=torch.float32).eval()
    some = a_few()
    among = [[f" {v}" for v in (MONTHS if p.situation.matter == "feast" else CITIES)] for p in some]
    found = probabilities(model, tokenizer, [(p.text, p.answer) for p in some], among=among)
    for one, words, p in zip(some, among, found.tolist(), strict=True):
        ids = tokenizer.convert_tokens_to_ids([f"\u0120{word.strip()}" for word in words])
        with torch.no_grad():
            logits = model(**tokenizer(one.text, return_tensors="pt")).logits[0, -1]
        assert p == pytest.approx(float(logits[ids].softmax(0)[words.index(one.answer)]), abs=1e-5)
