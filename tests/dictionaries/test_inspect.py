"""Inspection: a dictionary's facts, and hints that name what was planted and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import microtome as mt
from microtome.dictionaries.dictionary import Origin
from microtome.dictionaries.fold import scaled_input
from microtome.dictionaries.inspect import inspect
from microtome.dictionaries.load import load_dictionary, save_dictionary
from microtome.dictionaries.random import random_dictionary
from microtome.dictionaries.sae import SAE
from microtome.errors import DictionaryError, InputError
from microtome.model.site import Site, attn_out, attn_z, resid_post
from microtome.specimens.world import documents
from tests.dictionaries.files import gemma_scope
from tests.dictionaries.planted import random_sae


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [one.text for one in documents("taxonomy", "heldout", 5, 40)]


def planted_at(site: Site, model: mt.Model, texts: list[str]) -> SAE:
    """Both signs of eight principal directions of a site, all orthogonal to its large mean."""
    run = model.run(texts, read=site)
    x = run[site][run.tokens.mask][1:].float()
    mean = x.mean(0)
    across = x - (x @ mean)[:, None] * mean / (mean @ mean)
    values, vectors = torch.linalg.eigh(torch.cov(across.T))
    rows = vectors[:, -8:].T
    rows = torch.cat([rows, -rows])
    quiet = -0.05 * values[-1].sqrt() * torch.ones(16)
    return replace(
        random_sae(model.parts.d_model, 16, site),
        w_enc=rows,
        w_dec=rows.clone(),
        b_enc=quiet,
        b_dec=mean,
        b_in=mean,
        origin=Origin(source="planted", facts={"average_l0": 8}),
    )


@pytest.fixture(scope="module")
def good(model: mt.Model, texts: list[str]) -> SAE:
    return planted_at(attn_out[4], model, texts)


def test_its_facts_without_a_model(tmp_path: Path) -> None:
    found = inspect(gemma_scope(tmp_path))
    rows = dict(found.rows())
    assert rows["architecture"] == "JumpReLU SAE"
    assert rows["reads"] == "resid_post[12], width 16"
    assert rows["trained on"] == "google/gemma-2-2b"
    assert rows["average l0"] == "82"
    assert len(rows["sha256"]) == 64
    assert "w_enc 64 x 16" in rows["shapes"]
    assert found.hints == ()
    assert found.scores is None
    assert "resid_post[12]" in found._repr_html_()


def test_an_unknown_site_is_said(tmp_path: Path) -> None:
    found = inspect(gemma_scope(tmp_path, repository="elsewhere"))
    assert found.site_in == "unknown"
    assert "do not say which site" in found.hints[0]


def test_a_good_dictionary_gets_no_hint(model, texts, good) -> None:
    found = inspect(good, model, texts)
    assert found.scores.fvu.value < 0.5
    assert found.hints == ()


def test_a_missing_normaliser_is_found(model, texts, good) -> None:
    """Weights for inputs of length √d, as a file holds them before the scale is folded in."""
    site = attn_out[4]
    run = model.run(texts, read=site)
    length = float(run[site][run.tokens.mask][1:].norm(dim=-1).mean())
    unfolded = scaled_input(good, length / model.parts.d_model**0.5)
    hints = inspect(unfolded, model, texts).hints
    assert any("the normaliser is missing" in hint for hint in hints), hints


def test_a_layer_that_is_off_by_one_is_found(model, texts) -> None:
    moved = replace(planted_at(attn_z[1], model, texts), site_in=attn_z[2], site_out=attn_z[2])
    hints = inspect(moved, model, texts).hints
    assert any("at attn_z[1] FVU would be" in hint for hint in hints), hints


def test_a_dictionary_that_learnt_nothing(model, texts, good) -> None:
    """Neither suspicion is raised for random weights, only that it explains nothing."""
    torch.manual_seed(1)
    rows = torch.nn.functional.normalize(torch.randn(16, model.parts.d_model), dim=-1)
    hints = inspect(replace(good, w_enc=rows, w_dec=-rows), model, texts).hints
    assert any("no more than the codes of other tokens" in hint for hint in hints), hints
    assert not any("would be" in hint for hint in hints), hints


def test_l0_is_compared_with_the_name(model, texts, good) -> None:
    promised = replace(good, origin=Origin(facts={"average_l0": 1}))
    assert any("of its name" in hint for hint in inspect(promised, model, texts).hints)


def test_the_model_it_was_trained_on(model, texts, good) -> None:
    other = replace(good, origin=Origin(model="google/gemma-2-2b"))
    assert any("trained on google/gemma-2-2b" in hint for hint in inspect(other, model).hints)
    for name in ("specimen:world", f"specimen:world@{model.source.digest[:16]}"):
        assert inspect(replace(good, origin=Origin(model=name)), model).hints == ()
    older = replace(good, origin=Origin(model="specimen:world@0123"))
    assert any("has other weights now" in hint for hint in inspect(older, model).hints)


def test_facts_inside_facts_have_a_line_each(good) -> None:
    facts = {"training": {"kind": "topk", "last": {"fvu": 0.123456}}}
    rows = dict(inspect(replace(good, origin=Origin(facts=facts))).rows())
    assert rows["training: kind"] == "topk"
    assert rows["training: last: fvu"] == "0.1235"


def test_refusals(tmp_path: Path, model: mt.Model) -> None:
    with pytest.raises(InputError, match="no model to read them"):
        inspect(random_sae(16), texts=["A robin"])
    with pytest.raises(DictionaryError, match="width 16"):
        inspect(random_sae(16), model)
    stand_in = random_dictionary(model.parts.d_model, resid_post[1])
    again = load_dictionary(save_dictionary(stand_in, tmp_path))
    assert "random orthogonal" in dict(inspect(again).rows())["stand-in"]
