"""In the network: neutral where nothing is lost, and the ablations are the ends of the scale."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from typer.testing import CliRunner

import microtome as mt
from microtome.cli.dictionary import app
from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.load import load_dictionary, save_dictionary
from microtome.dictionaries.network import network
from microtome.dictionaries.nonlinearity import Nonlinearity
from microtome.dictionaries.reconstruct import reconstruct
from microtome.dictionaries.scores import causal_metric, score
from microtome.errors import DictionaryError, InputError
from microtome.files import read_json
from microtome.model.site import attn_z, mlp_in, mlp_normed, mlp_out, resid_post
from tests.dictionaries.planted import random_sae, random_transcoder
from tests.dictionaries.test_scores import identity

SITE = resid_post[2]


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world", device="cpu")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return corpus("specimen", 12)


def test_reconstruct_writes_the_reconstruction_and_leaves_bos(model, texts):
    coder = random_transcoder(model.parts.d_model)
    sites = [coder.site_in, coder.site_out]
    before = model.run(texts[0], read=sites)
    after = model.run(texts[0], read=sites, write=reconstruct(coder))
    due = coder.reconstruct(before[coder.site_in])
    torch.testing.assert_close(after[coder.site_out][:, 1:], due[:, 1:])
    assert torch.equal(after[coder.site_out][:, 0], before[coder.site_out][:, 0])


def test_the_ends_of_the_scale(model, texts):
    """A perfect dictionary recovers all; one that writes the mean is mean ablation itself."""
    d = model.parts.d_model
    perfect = network(identity(d), model, texts)
    assert perfect.recovered.value == pytest.approx(1, abs=1e-5)
    assert perfect.lost.value == pytest.approx(0, abs=1e-5)
    assert perfect.kl.value == pytest.approx(0, abs=1e-6)
    assert perfect.recovered_shuffled.value < 0.5
    assert all(audit.passed for audit in perfect.audit)
    states = torch.cat([model.run(t, read=SITE)[SITE][0, 1:] for t in texts])
    mute = network(identity(d, states.mean(0), 0.0), model, texts)
    assert mute.recovered_mean.value == pytest.approx(0, abs=1e-4)
    assert mute.ce_dictionary.value == pytest.approx(mute.ce_mean.value, abs=1e-5)
    nothing = network(identity(d, size=0.0), model, texts)
    assert nothing.recovered.value == pytest.approx(0, abs=1e-6)


def test_cross_entropy_and_divergence_are_the_models_own(model, texts):
    sae = identity(model.parts.d_model, size=0.7)
    found = network(sae, model, texts, batch=5)
    clean, edited, kl = [], [], []
    for text in texts:
        run, other = model.run(text), model.run(text, write=reconstruct(sae))
        log_p, log_q = (r.logits[0].double().log_softmax(-1)[1:-1] for r in (run, other))
        following = run.tokens.ids[0, 2:, None]
        clean.append(-log_p.gather(-1, following))
        edited.append(-log_q.gather(-1, following))
        kl.append((log_p.exp() * (log_p - log_q)).sum(-1))
    assert found.n_tokens == sum(map(len, clean))
    assert found.ce.value == pytest.approx(float(torch.cat(clean).mean()), rel=1e-5)
    due = float((torch.cat(edited) - torch.cat(clean)).mean())
    assert found.increase.value == pytest.approx(due, rel=1e-3)
    assert found.kl.value == pytest.approx(float(torch.cat(kl).mean()), rel=1e-3)
    table = found.table().set_index("score")
    assert table.loc["1-CE", "value"] == pytest.approx(1 - found.recovered.value)
    assert "CE recovered" in found._repr_html_()


def test_a_site_whose_ablation_costs_nothing_has_no_share(model, texts):
    """One MLP of the specimen: without it the held-out cross-entropy is no higher."""
    last = replace(random_transcoder(model.parts.d_model), site_in=mlp_in[4], site_out=mlp_out[4])
    found = network(last, model, texts)
    assert found.ce_zero.value - found.ce.value < 0.3
    assert math.isnan(found.recovered.value)
    assert found.recovered.low is None
    assert math.isnan(found.lost.value)
    assert not found.audit[0].passed
    assert math.isfinite(found.kl.value)


def test_every_kind_of_site_is_scored_and_replaced(model, texts):
    """The output projection's input, and GemmaScope's transcoders (a norm without its gain)."""
    width = model.parts.d_head * model.n_heads
    at_z = replace(identity(width), site_in=attn_z[1], site_out=attn_z[1])
    assert score(at_z, model, texts[:4]).fvu.value < 1e-9
    assert network(at_z, model, texts[:8]).recovered.value == pytest.approx(1, abs=1e-4)
    coder = replace(random_transcoder(model.parts.d_model), site_in=mlp_normed[2])
    before = model.run(texts[0], read=[mlp_normed[2], mlp_out[2]])
    due = coder.reconstruct(before[mlp_normed[2]])[:, 1:]
    after = model.run(texts[0], read=mlp_out[2], write=reconstruct(coder))
    torch.testing.assert_close(after[mlp_out[2]][:, 1:], due)
    assert score(coder, model, texts[:4]).fvu.value > 0.5


def test_the_command_prints_and_writes_what_the_functions_give(model, tmp_path):
    save_dictionary(identity(model.parts.d_model, size=0.7), tmp_path / "d")
    told = ["score", str(tmp_path / "d"), "--model", "specimen:world", "--texts"]
    told += ["specimen:facts", "--max-tokens", "300", "--out", str(tmp_path / "s.json")]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 0, done.output
    found = read_json(tmp_path / "s.json")
    loaded, read = load_dictionary(tmp_path / "d"), corpus("specimen:facts")
    due = score(loaded, model, read, metric=causal_metric(model), max_tokens=300).table()
    written = {row["score"]: row["value"] for row in found["activations"]["scores"]}
    assert written == pytest.approx(dict(zip(due["score"], due["value"], strict=True)))
    assert [a["passed"] for a in found["network"]["audits"]] == [True, True, True]
    assert "CE recovered" in done.output


def test_refusals(model, texts):
    with pytest.raises(InputError, match="longer texts"):
        network(identity(model.parts.d_model), model, [" bird"])
    with pytest.raises(DictionaryError, match="which site"):
        reconstruct(replace(random_sae(128), site_out=None))


@dataclass(frozen=True, eq=False)
class Capped(Nonlinearity):
    """relu that writes nothing above 100, which only a sink reaches."""

    def __call__(self, product: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        f = torch.relu(product + bias)
        return f * (f < 100)


def test_attention_sinks_keep_their_activations(texts):
    """A dictionary trained without them writes them wrongly; `score` leaves them out too."""
    model = mt.load("specimen:world", device="cpu")
    some = texts[:4]
    with torch.no_grad():
        model.hf.get_input_embeddings().weight[model.tokenize(some[0]).ids[0, 3]] *= 300
    capped = replace(identity(model.parts.d_model), activation=Capped())
    found, without = (network(capped, model, some, sinks=one) for one in (False, True))
    assert found.n_sinks == score(capped, model, some).n_sinks > 0 == without.n_sinks
    assert found.kl.value == pytest.approx(0, abs=1e-5)
    assert without.kl.value > 1e-3
