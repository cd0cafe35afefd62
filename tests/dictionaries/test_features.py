"""Feature pages say what is there: contexts, density, words and neighbours, found two ways."""

import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import microtome as mt
from microtome.cli.dictionary import app
from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.dictionary import Origin
from microtome.dictionaries.features import FeaturePage, feature_page, feature_pages
from microtome.dictionaries.features_command import numbers, run
from microtome.dictionaries.features_contexts import Context
from microtome.dictionaries.features_words import similar, words
from microtome.dictionaries.load import save_dictionary
from microtome.dictionaries.nonlinearity import TopK
from microtome.dictionaries.pages import document
from microtome.dictionaries.sae import SAE
from microtome.errors import ConfigError, InputError
from microtome.model.edit import Add
from microtome.model.site import attn_out, attn_z, mlp_act, resid_post
from tests.dictionaries.planted import random_sae
from tests.lab.reports import ATTACKS
from tests.model.families import params

SITE = resid_post[2]
FEATURES = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world", device="cpu")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return corpus("specimen", 40)


@pytest.fixture(scope="module")
def sae(model) -> SAE:
    """Feature 1 is silent; 3 is a copy of 2."""
    d = model.parts.d_model
    one = random_sae(d, 64, site=SITE, activation=TopK(8))
    w_dec, w_enc, bias = one.w_dec.clone(), one.w_enc.clone(), one.b_enc.clone()
    w_dec[3], w_enc[3], bias[1] = w_dec[2], w_enc[2], -1e9
    return replace(one, w_dec=w_dec, w_enc=w_enc, b_enc=bias)


@pytest.fixture(scope="module")
def pages(model, texts, sae) -> tuple[FeaturePage, ...]:
    return feature_pages(sae, model, texts, FEATURES, contexts=6, window=5)


@pytest.fixture(scope="module")
def codes(model, texts, sae) -> list[np.ndarray]:
    """Activations of the four features on every token of every text, BOS left out."""
    runs = [model.run(text, read=SITE)[SITE][0] for text in texts]
    return [sae.encode(x)[:, list(FEATURES)].numpy()[1:] for x in runs]


def test_contexts_are_the_strongest_and_hold_every_activation(pages, codes, model, texts):
    page, own = pages[0], [f[:, 0] for f in codes]
    peaks = sorted((float(f.max()) for f in own), reverse=True)
    assert [one.activation for one in page.contexts] == sorted(
        (one.activation for one in page.contexts), reverse=True
    )
    assert page.largest == page.contexts[0].activation == pytest.approx(peaks[0])
    for one in page.contexts:
        column = np.concatenate([[math.nan], own[one.text]])
        peak = int(np.nanargmax(column))
        start = max(peak - 5, 0)
        assert one.peak == peak - start
        np.testing.assert_allclose(one.activations, column[start : peak + 6], rtol=1e-4, atol=1e-5)
        ids = model.tokenize(texts[one.text]).ids[0, start : peak + 6]
        assert "".join(one.tokens).strip() == model.tokenizer.decode(ids).strip()
    assert len({one.tokens[: one.peak + 1] for one in page.contexts}) == len(page.contexts)


def test_density_histogram_and_means_are_those_of_all_tokens(pages, codes):
    page = pages[0]
    every = np.concatenate([f[:, 0] for f in codes])
    assert page.n_tokens == len(every)
    assert page.density.value == pytest.approx((every > 0).mean())
    assert page.density.low < page.density.value < page.density.high
    assert sum(page.histogram.counts) == (every > 0).sum()
    assert page.mean == pytest.approx(every[every > 0].mean(), rel=1e-4)


def test_drawn_contexts_are_firings_and_weaker_than_the_strongest(pages):
    for page in pages:
        assert all(one.activation > 0 for one in page.drawn)
    drawn = np.mean([one.activation for one in pages[0].drawn])
    assert drawn < np.mean([one.activation for one in pages[0].contexts])


def test_a_silent_feature_has_an_empty_page_with_an_upper_bound(pages):
    page = pages[1]
    assert (page.contexts, page.drawn, page.mean, page.largest) == ((), (), 0.0, 0.0)
    assert page.density.value == 0
    assert page.density.high == pytest.approx(1 - 0.025 ** (1 / page.density.clusters))
    assert "fires nowhere" in page._repr_html_()
    assert len(page.table()) == 0


def test_batches_do_not_change_a_page(model, texts, sae, pages):
    other = feature_pages(sae, model, texts, FEATURES, contexts=6, window=5, batch=7)
    for a, b in zip(pages, other, strict=True):
        assert [c.text for c in a.contexts] == [c.text for c in b.contexts]
        assert a.density.value == b.density.value


def test_words_are_what_the_feature_does_to_the_logits(model, sae):
    """First order: nudge the last state along an atom that leaves its norm as it is."""
    x = model.run("The robin is a kind of bird", read=resid_post[4]).last(resid_post[4])[0]
    atom = sae.atoms[5] - x * (sae.atoms[5] @ x) / (x @ x)
    nudged = replace(sae, w_dec=torch.cat([atom[None], sae.w_dec[1:]]), site_out=resid_post[4])
    (said,) = words(nudged, model, (0,), 20, seed=0)
    moved = (model.unembed(x + 1e-2 * atom) - model.unembed(x)).double()
    moved = moved - moved.mean()
    for word in (*said.promoted, *said.suppressed):
        assert math.copysign(1, word.weight) == math.copysign(1, float(moved[word.id]))
    top = moved.topk(20).indices.tolist()
    assert len(set(top) & {word.id for word in said.promoted}) >= 12
    weights = torch.tensor([w.weight for w in said.promoted + said.suppressed]).double()
    seen = moved[[w.id for w in said.promoted + said.suppressed]]
    assert float(torch.corrcoef(torch.stack([weights, seen]))[0, 1]) > 0.97


def test_a_planted_word_is_promoted_beyond_chance_and_noise_is_not(model, sae):
    token = model.tokenizer.encode(" bird", add_special_tokens=False)[0]
    head = model.hf.get_output_embeddings().weight.detach().float()
    # Whitened, so that no other token shares what the direction has of this one.
    row = torch.linalg.solve(torch.cov(head.T), head[token] - head.mean(0))
    row = row / model.parts.final_norm.gain
    planted = replace(sae, w_dec=torch.cat([row[None], sae.w_dec[1:]]))
    found, noise = words(planted, model, (0, 9), 5, seed=0)
    assert found.promoted[0].token == " bird"
    assert found.promoted[0].z > 1.5 * found.chance
    assert noise.promoted[0].z < 1.5 * noise.chance


def test_an_attention_atom_goes_through_the_output_projection(model):
    width = model.parts.d_head * model.n_heads
    v = torch.randn(width, generator=torch.Generator().manual_seed(0))
    sae = random_sae(width, 8, site=attn_z[4])
    sae = replace(sae, w_dec=torch.cat([v[None], sae.w_dec[1:]]))
    (said,) = words(sae, model, (0,), 50, seed=0)
    text, site = "The robin is a kind of bird", attn_out[4]
    before, after = (
        model.run(text, read=site, write=edit).last(site)[0]
        for edit in ((), Add(attn_z[4], v, scale=1e-2))
    )
    head = model.hf.get_output_embeddings().weight.detach().float()
    seen = head @ (model.parts.final_norm.gain * (after - before))
    seen = seen[[word.id for word in said.promoted]] - seen.mean()
    assert float((seen > 0).float().mean()) > 0.9
    (none,) = words(replace(sae, site_out=mlp_act[1]), model, (0,), 5, seed=0)
    assert none.promoted == ()
    assert "does not add to the residual stream" in none.how


def test_the_copy_is_nearest_and_others_are_at_chance(sae, pages):
    assert pages[2].similar[0].feature == 3
    assert pages[2].similar[0].atoms == pytest.approx(1)
    assert pages[2].similar[0].encoder == pytest.approx(1)
    found, chance = similar(sae, tuple(range(10, 30)), 1, seed=0)
    assert np.mean([near[0].atoms for near in found]) == pytest.approx(chance, abs=0.05)
    assert all(near[0].feature != own for near, own in zip(found, range(10, 30), strict=True))


class Reader(HTMLParser):
    """Elements and attributes that a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_hostile_tokens_stay_text(pages):
    attacks = (*ATTACKS, "</style>", '"', "'", "\ud800", "\x00", "\n")
    one = Context(0, attacks, tuple(float(i) for i in range(len(attacks))), 3)
    word = replace(pages[0].words.promoted[0], token=ATTACKS[0])
    said = replace(pages[0].words, promoted=(word,), how=ATTACKS[1])
    bad = replace(
        pages[0], contexts=(one,), drawn=(one,), words=said, dictionary=ATTACKS[2],
        model=ATTACKS[3], site=ATTACKS[4], stand_in=ATTACKS[5],
    )  # fmt: skip
    for page in (document([bad, pages[1]]), bad._repr_html_()):
        for tag, attributes in Reader(page).tags:
            assert tag not in ("script", "img", "svg", "iframe", "base", "form", "link")
            assert not [name for name in attributes if name.startswith("on")]
            assert (attributes.get("href") or "#").startswith("#")
        assert sum(tag == "style" for tag, _ in Reader(page).tags) <= 1
    assert "script-src" not in document([bad])
    assert "default-src &#x27;none&#x27;" in document([bad])


def test_the_table_and_one_page(model, texts, sae, pages):
    alone = feature_page(sae, model, texts, 2, contexts=6, window=5)
    assert alone.contexts == pages[2].contexts
    table = alone.table()
    assert list(table["kind"].unique()) == ["strongest", "drawn"]
    assert table["activation"][0] == alone.largest
    assert table["token"][0] in table["context"][0]


def test_the_command_writes_one_file(tmp_path, sae, pages):
    source = Origin(source="planted", stand_in="random directions")
    save_dictionary(replace(sae, origin=source), tmp_path / "d")
    (tmp_path / "t.txt").write_text("The robin is a kind of bird.\nA trout is a kind of fish.\n")
    out = run(
        str(tmp_path / "d"), model="specimen:world", texts=str(tmp_path / "t.txt"),
        features="2, 3,2", out=tmp_path / "deep" / "page.html", device="cpu",
    )  # fmt: skip
    page = out.read_text()
    ids = {a.get("id") for _, a in Reader(page).tags}
    assert {"feature-2", "feature-3"} <= ids
    assert "random directions" in page
    for wrong in ("", "1;2", "-1", "²"):
        with pytest.raises(ConfigError, match="names no features"):
            numbers(wrong)


@pytest.mark.parametrize("family", params())
def test_every_family_has_words_that_are_its_own_logits(checkpoint, family):
    """Norms with and without gain offset, centred or not, post-norms, tied or not."""
    model = mt.load(str(checkpoint(family)), device="cpu")
    d, last = model.parts.d_model, resid_post[2]
    x = model.run("ab cd", read=last).last(last)[0].float()
    sae = random_sae(d, 8, site=last)
    atom = sae.atoms[0] - x * (sae.atoms[0] @ x) / (x @ x)
    if model.parts.final_norm.centred:
        centred = x - x.mean()
        atom = sae.atoms[0] - sae.atoms[0].mean()
        atom = atom - centred * (atom @ centred) / (centred @ centred)
    (said,) = words(replace(sae, w_dec=torch.cat([atom[None], sae.w_dec[1:]])), model, (0,), 9, 0)
    moved = (model.unembed(x + 1e-2 * atom) - model.unembed(x)).double()
    moved = moved - moved.mean()
    both = said.promoted + said.suppressed
    pair = torch.stack(
        [torch.tensor([w.weight for w in both]), moved[[w.id for w in both]].float()]
    )
    assert float(torch.corrcoef(pair)[0, 1]) > 0.97
    page = feature_page(sae, model, ["ab cd", "a longer one"], 0)
    assert page.n_texts == 2


def test_the_command_line_hands_on_what_it_is_given(tmp_path, sae):
    save_dictionary(sae, tmp_path / "d")
    words_said = ["features", str(tmp_path / "d"), "--model", "specimen:world", "--texts"]
    words_said += ["specimen:facts", "--features", "5", "--max-tokens", "50", "--contexts", "2"]
    done = CliRunner().invoke(app, [*words_said, "--out", str(tmp_path / "p.html")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "p.html").read_text()
    assert 'id="feature-5"' in page
    assert page.count("<li>") <= 1 + 2 + 5


def test_refusals(model, texts, sae):
    with pytest.raises(InputError, match="features 0 to 63"):
        feature_page(sae, model, texts, 64)
    with pytest.raises(InputError, match="No feature was named"):
        feature_pages(sae, model, texts, [])
    with pytest.raises(InputError, match="at least one context"):
        feature_page(sae, model, texts, 1, contexts=0)
    with pytest.raises(InputError, match="no token that counts"):
        feature_page(sae, model, ["bird"], 1, context=1)


def test_a_feature_that_always_fires_has_a_lower_bound(model, texts):
    sae = random_sae(model.parts.d_model, site=SITE)
    bias = sae.b_enc.clone()
    bias[0] = 1e9
    found = feature_page(replace(sae, b_enc=bias), model, texts, 0).density
    assert (found.value, found.high, found.clusters) == (1.0, 1.0, 40)
    assert found.low == pytest.approx(0.025 ** (1 / 40))


def test_a_page_says_how_many_texts_were_read_in_part(model, texts, sae, pages):
    assert pages[0].n_cut == 0
    assert "in part" not in document(pages)
    long = sum(len(model.tokenize(text).ids[0]) > 12 for text in texts)
    found = feature_page(sae, model, texts, 0, context=12)
    assert 0 < found.n_cut == long <= len(texts)
    assert f"{long} of the texts read in part" in found._repr_html_()
