"""Scores mean what they say: two formulas agree, and dictionaries of known worth get it."""

from dataclasses import replace

import pytest
import torch

import microtome as mt
from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.nonlinearity import ReLU
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.scores import Scores, causal_metric, score
from microtome.errors import ConfigError, DictionaryError, InputError, NumericsError
from microtome.model.site import resid_post
from tests.dictionaries.planted import random_sae, random_transcoder

SITE = resid_post[2]


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world", device="cpu")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return corpus("specimen", 24)


@pytest.fixture(scope="module")
def activations(model, texts) -> torch.Tensor:
    """Every token but BOS, text by text, in fp64."""
    return torch.cat([model.run(text, read=SITE)[SITE][0, 1:] for text in texts]).double()


def identity(d: int, b_dec: torch.Tensor | None = None, size: float = 1.0) -> SAE:
    """Writes x as its positive and its negative part, times `size`: perfect at 1, mute at 0."""
    both = torch.cat([torch.eye(d), -torch.eye(d)])
    bias = torch.full((2 * d,), -1e9) if size == 0 else torch.zeros(2 * d)
    b = torch.zeros(d) if b_dec is None else b_dec
    return SAE(both, bias, size * both, b, ReLU(), b_in=b, site_in=SITE, site_out=SITE)


def values(found: Scores) -> list[float]:
    return [one.value for one in (found.fvu, found.l0, found.norm_ratio, found.cosine)]


def test_streamed_scores_are_those_of_all_tokens_at_once(model, texts, activations):
    sae = random_sae(model.parts.d_model, site=SITE)
    f = sae.encode(activations.float())
    y = sae.decode(f, activations.float()).double()
    error, about = activations - y, activations - activations.mean(0)
    cosine = torch.nn.functional.cosine_similarity(activations, y, dim=-1).mean()
    due = [
        float(error.square().sum() / about.square().sum()),
        float((f > 0).sum(-1).double().mean()),
        float(y.norm(dim=-1).mean() / activations.norm(dim=-1).mean()),
        float(cosine),
    ]
    whole, small = score(sae, model, texts, batch=24), score(sae, model, texts, batch=5)
    assert values(whole) == pytest.approx(due, rel=1e-5)
    assert values(small) == pytest.approx(due, rel=1e-5)
    legacy = (error.square().sum(-1) / about.square().sum(-1)).mean()
    assert whole.fvu_legacy.value == pytest.approx(float(legacy), rel=1e-5)
    assert whole.density.sum().item() == pytest.approx(whole.l0.value)
    assert whole.n_tokens == len(activations)
    assert whole.dead == float(((f > 0).sum(0) == 0).double().mean())
    assert whole.fvu.low < whole.fvu.value < whole.fvu.high
    assert whole.audit[0].passed


def test_a_perfect_dictionary_a_half_one_and_the_mean(model, texts, activations):
    d, mean = model.parts.d_model, activations.mean(0).float()
    perfect = score(identity(d), model, texts)
    assert perfect.fvu.value < 1e-9
    assert [perfect.l0.value, perfect.norm_ratio.value, perfect.cosine.value] == pytest.approx(
        [d, 1, 1], rel=1e-5
    )
    # A token decoded from another's codes is another draw: twice the variance.
    assert perfect.fvu_shuffled.value == pytest.approx(2, rel=0.05)
    half = score(identity(d, mean, 0.5), model, texts)
    assert half.fvu.value == pytest.approx(0.25, rel=1e-4)
    mute = score(identity(d, mean, 0.0), model, texts)
    assert mute.fvu.value == pytest.approx(1, rel=1e-5)
    assert (mute.dead, mute.unseen, mute.l0.value) == (1.0, 0.0, 0.0)


def test_a_dictionary_of_noise_is_no_better_than_shuffled(model, texts):
    """The control that fails: codes that know nothing of their token."""
    noise = random_sae(model.parts.d_model, site=SITE, seed=3)
    blind = replace(noise, w_enc=torch.zeros_like(noise.w_enc), b_enc=torch.ones(32))
    found = score(blind, model, texts)
    assert found.fvu.value == pytest.approx(found.fvu_shuffled.value)
    assert found.fvu.value > 1


def test_the_causal_norm_is_what_the_logits_see(model, texts):
    metric = causal_metric(model)
    head = model.hf.get_output_embeddings().weight.detach().double()
    v = torch.randn(model.parts.d_model, dtype=torch.double)
    logits = head @ (model.parts.final_norm.gain.double() * v)
    assert float(v @ metric @ v) == pytest.approx(float(logits.var()))
    sae = random_sae(model.parts.d_model, site=SITE)
    plain = score(sae, model, texts, metric=torch.eye(model.parts.d_model))
    assert plain.fvu_causal is not None
    assert plain.fvu_causal.value == pytest.approx(plain.fvu.value)
    assert plain.fvu_causal.low == pytest.approx(plain.fvu.low)
    # An error where the metric sees nothing is no error.
    seen = torch.zeros_like(metric)
    seen[0, 0] = 1
    d = model.parts.d_model
    off = identity(d, torch.eye(d)[1] * 5)
    blind = score(replace(off, b_in=None), model, texts, metric=seen)
    assert blind.fvu.value > 1e-3
    assert blind.fvu_causal is not None
    assert blind.fvu_causal.value < 1e-9


def test_bos_counts_only_when_asked_and_long_texts_are_cut(model, texts):
    sae = random_sae(model.parts.d_model, site=SITE)
    without, with_bos = score(sae, model, texts[:6]), score(sae, model, texts[:6], bos=True)
    assert with_bos.n_tokens == without.n_tokens + 6
    assert (without.bos, with_bos.bos) == (False, True)
    cut = score(sae, model, texts[:6], context=8)
    assert cut.n_cut == 6
    assert cut.n_tokens == 6 * 7
    assert score(sae, model, texts, batch=2, max_tokens=20).n_texts == 2


def test_an_attention_sink_decides_nothing_unless_asked(model, texts):
    """BOS is the sink of the specimen: kept among the tokens, it is told and left out."""
    lengths = model.run(texts[0], read=SITE)[SITE][0].norm(dim=-1)
    sae = random_sae(model.parts.d_model, site=SITE)
    plain = score(sae, model, texts[:6])
    assert plain.n_sinks == 0
    weight = model.hf.get_input_embeddings().weight
    bos = model.tokenizer.bos_token_id
    with torch.no_grad():
        kept = weight[bos].clone()
        weight[bos] *= 40 * float(lengths[1:].median() / lengths[0])
        try:
            without = score(sae, model, texts[:6], bos=True)
            with_sinks = score(sae, model, texts[:6], bos=True, sinks=True)
        finally:
            weight[bos] = kept
    assert (without.n_sinks, with_sinks.n_sinks) == (6, 0)
    assert without.n_tokens == with_sinks.n_tokens - 6
    # Six tokens of 200 hide a quarter of the error.
    assert with_sinks.fvu.value < 0.75 * without.fvu.value


def test_a_transcoder_is_scored_where_it_writes(model, texts):
    coder = random_transcoder(model.parts.d_model)
    found = score(coder, model, texts[:6])
    run = [model.run(text, read=[coder.site_in, coder.site_out]) for text in texts[:6]]
    x = torch.cat([r[coder.site_in][0, 1:] for r in run])
    y = torch.cat([r[coder.site_out][0, 1:] for r in run]).double()
    error = (y - coder.reconstruct(x)).square().sum()
    assert found.fvu.value == pytest.approx(float(error / (y - y.mean(0)).square().sum()), rel=1e-5)


def test_more_text_wakes_at_least_as_many_features_as_said(model, texts):
    """Chao's bound from a few texts, against what many texts then show."""
    d = model.parts.d_model
    sae = replace(random_sae(d, 512, site=SITE), b_enc=torch.full((512,), -12.0))
    few, many = score(sae, model, texts[:6]), score(sae, model, corpus("specimen", 200))
    assert 0 < few.unseen <= few.dead - many.dead
    assert many.unseen < few.unseen
    rows = few.table().set_index("score")
    assert rows.loc["dead share", "low"] == pytest.approx(few.dead - few.unseen)
    assert "without BOS" in few._repr_html_()


def test_refusals(model, texts):
    sae = random_sae(model.parts.d_model, site=SITE)
    with pytest.raises(InputError, match="no texts"):
        score(sae, model, [])
    with pytest.raises(InputError, match="do not differ"):
        score(sae, model, [texts[0]], context=1)
    with pytest.raises(InputError, match="128 x 128"):
        score(sae, model, texts, metric=torch.eye(3))
    with pytest.raises(InputError, match="negative eigenvalue"):
        score(sae, model, texts, metric=-torch.eye(128))
    with pytest.raises(DictionaryError, match="which site"):
        score(replace(sae, site_in=None), model, texts)
    with pytest.raises(
        DictionaryError, match=r"width 64 at resid_post\[2\] and specimen:world has 128"
    ):
        score(random_sae(64), model, texts)
    with pytest.raises(ConfigError, match="Did you mean 'physics'"):
        corpus("specimen:physic")


def test_activations_that_are_not_finite_are_refused(model, texts):
    """A NaN before the dictionary's site is an error, not a part of the mean."""
    sae = random_sae(model.parts.d_model, site=SITE)
    weight = model.parts.block(1).mlp.down_proj.weight
    with torch.no_grad():
        kept = weight[0, 0].clone()
        weight[0, 0] = torch.nan
        try:
            with pytest.raises(NumericsError, match="not finite"):
                score(sae, model, texts)
        finally:
            weight[0, 0] = kept


def test_corpus_words(tmp_path):
    assert corpus("specimen:arithmetic", 3) == corpus("specimen:arithmetic", 3)
    assert corpus("specimen", 3) != corpus("specimen", 3, seed=1)
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    assert corpus(tmp_path / "a.txt", 1) == ["one"]


def test_the_control_gives_no_token_its_own_codes(model):
    """Two tokens a batch: half of all shufflings would leave them as they are."""
    found = score(identity(model.parts.d_model), model, ["a b", "c d", "e f"], batch=1)
    assert found.fvu.value < 1e-9
    assert found.n_tokens == 6
    sums = [model.run(text, read=SITE)[SITE][0, 1:].double() for text in ["a b", "c d", "e f"]]
    swapped = sum(float((x - x.flip(0)).square().sum()) for x in sums)
    every = torch.cat(sums)
    total = float((every - every.mean(0)).square().sum())
    assert found.fvu_shuffled.value == pytest.approx(swapped / total, rel=1e-4)
