"""GemmaScope files against the published formula, and where their names say they belong."""

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import microtome as mt
from microtome.dictionaries.formats import weights as reading
from microtome.dictionaries.load import load_dictionary
from microtome.errors import DictionaryError, NumericsError
from microtome.model.site import attn_z, mlp_normed, mlp_out, resid_post, resid_pre
from tests.dictionaries.files import gemma_scope, parameters

assert mt


@pytest.mark.parametrize("compressed", [False, True])
def test_the_published_formula(tmp_path: Path, compressed: bool) -> None:
    sae = load_dictionary(gemma_scope(tmp_path, compressed=compressed))
    p, x = parameters(16, 64), torch.randn(3, 5, 16)
    pre = x @ p["W_enc"] + p["b_enc"]
    f = (pre > p["threshold"]) * torch.relu(pre)
    assert (f > 0).any()
    assert (f == 0).any()
    torch.testing.assert_close(sae.encode(x), f, rtol=0, atol=1e-6)
    torch.testing.assert_close(sae.reconstruct(x), f @ p["W_dec"] + p["b_dec"], rtol=0, atol=1e-6)
    assert sae.architecture == "JumpReLU SAE"
    assert sae.origin.facts == {"layer": 12, "width": "16k", "average_l0": 82}
    assert sae.origin.model == "google/gemma-2-2b"
    assert len(sae.origin.sha256) == 64


@pytest.mark.parametrize(
    ("repository", "inside", "site_in", "site_out"),
    [
        ("gemma-scope-2b-pt-res", "layer_12/width_16k/average_l0_82", *[resid_post[12]] * 2),
        ("gemma-scope-9b-it-res", "layer_9/width_131k/average_l0_121", *[resid_post[9]] * 2),
        ("gemma-scope-2b-pt-mlp", "layer_3/width_16k/average_l0_7", *[mlp_out[3]] * 2),
        ("gemma-scope-2b-pt-att", "layer_0/width_16k/average_l0_7", *[attn_z[0]] * 2),
        (
            "gemma-scope-2b-pt-transcoders",
            "layer_4/width_16k/average_l0_6",
            mlp_normed[4],
            mlp_out[4],
        ),
        ("gemma-scope-2b-pt-res", "embedding/width_4k/average_l0_6", *[resid_pre[0]] * 2),
        ("models--google--gemma-scope-2b-pt-mlp/snapshots/ab12", "layer_5", *[mlp_out[5]] * 2),
        ("gemma-scope-2b-pt-res-and/gemma-scope-2b-pt-mlp", "layer_5", *[mlp_out[5]] * 2),
        ("something-else", "layer_5", None, None),
    ],
)
def test_its_names_tell_its_site(tmp_path, repository, inside, site_in, site_out) -> None:
    found = load_dictionary(gemma_scope(tmp_path, repository=repository, inside=inside))
    assert (found.site_in, found.site_out) == (site_in, site_out)
    assert ("transcoder" in found.architecture) == ("transcoders" in repository)


def test_an_embedding_dictionary_reads_what_enters_the_model(tmp_path: Path) -> None:
    """It was trained on rows of the embedding, and Gemma multiplies those by √d."""
    sae = load_dictionary(gemma_scope(tmp_path, inside="embedding/width_4k/average_l0_6"))
    p, row = parameters(16, 64), torch.randn(5, 16)
    f = torch.relu(pre := row @ p["W_enc"] + p["b_enc"]) * (pre > p["threshold"])
    torch.testing.assert_close(sae.encode(4 * row), f, rtol=0, atol=1e-5)
    expected = 4 * (f @ p["W_dec"] + p["b_dec"])
    torch.testing.assert_close(sae.reconstruct(4 * row), expected, rtol=0, atol=1e-5)


def test_older_names_and_any_npz(tmp_path: Path) -> None:
    p = parameters(16, 64)
    older = {k.replace("W_", "w_"): v.numpy() for k, v in p.items()}
    np.savez(tmp_path / "mine.npz", **older)
    sae = load_dictionary(tmp_path / "mine.npz", "resid_post[2]")
    assert sae.site_in == sae.site_out == resid_post[2]
    torch.testing.assert_close(sae.atoms, p["W_dec"])


def broken(tmp_path: Path, **changes: object) -> Path:
    arrays: dict[str, object] = {k: v.numpy() for k, v in parameters(16, 64).items()}
    arrays |= changes
    np.savez(tmp_path / "params.npz", **{k: v for k, v in arrays.items() if v is not None})
    return tmp_path


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    cases = {
        "threshold": (None, "lacks 'threshold'; it holds W_dec, W_enc, b_dec, b_enc"),
        "b_enc": (np.zeros(63, np.float32), r"b_enc of shape \(63,\) where \(64,\)"),
        "W_dec": (np.zeros((64, 3), np.float32), r"b_dec of shape \(16,\) where \(3,\)"),
        "W_enc": (np.zeros(16, np.float32), r"W_enc of shape \(16,\) where a matrix"),
        "b_dec": (np.array([Bomb()] * 16), "holds Python objects"),
    }
    for name, (value, said) in cases.items():
        with pytest.raises(DictionaryError, match=said):
            load_dictionary(broken(tmp_path, **{name: value}))
    assert not (tmp_path / "executed").exists()
    with pytest.raises(DictionaryError, match="int64"):
        load_dictionary(broken(tmp_path, b_enc=np.zeros(64, np.int64)))
    with pytest.raises(NumericsError, match="not finite in b_enc"):
        load_dictionary(broken(tmp_path, b_enc=np.full(64, np.nan, np.float32)))


def test_a_damaged_archive(tmp_path: Path) -> None:
    file = gemma_scope(tmp_path) / "params.npz"
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(DictionaryError, match=r"cannot be read as a \.npz"):
        load_dictionary(file)


def claiming(folder: Path, shape: tuple[int, ...], compression: int, content: bytes) -> Path:
    """A params.npz whose b_enc has a header for this shape, whatever follows it."""
    folder.mkdir(parents=True, exist_ok=True)
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    np.savez(folder / "params.npz", **{k: v.numpy() for k, v in parameters(16, 64).items()})
    with zipfile.ZipFile(folder / "params.npz", "a", compression) as archive:
        archive.writestr("more.npy", header.getvalue() + content)
    return folder


def peak(work: Callable[[], object]) -> int:
    """Bytes that Python and numpy had allocated at most while it ran."""
    tracemalloc.start()
    try:
        work()
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_claims_sixteen_gigabytes_allocates_nothing(tmp_path, compression) -> None:
    folder = claiming(tmp_path, (4_000_000_000,), compression, b"few bytes")

    def refused() -> None:
        with pytest.raises(DictionaryError, match=r"claims 16,000,000,000 bytes, and 9 follow it"):
            load_dictionary(folder)

    assert peak(refused) < 2**24


@pytest.mark.parametrize("shape", [(2, -8), (-1,), (65, 1)])
def test_a_header_of_another_size_than_the_content_is_refused(tmp_path, shape) -> None:
    with pytest.raises(DictionaryError, match=r"its header claims|has a header that claims"):
        load_dictionary(claiming(tmp_path, shape, zipfile.ZIP_DEFLATED, bytes(256)))


def test_the_limit_of_compressed_arrays_is_named(tmp_path, monkeypatch) -> None:
    """Uncompressed arrays are mapped and have none."""
    monkeypatch.setattr(reading, "COMPRESSED_LIMIT", 2000)
    folder = gemma_scope(tmp_path / "small", compressed=True)
    with pytest.raises(DictionaryError, match=r"claims 4,096 bytes; .* up to 2,000 bytes"):
        load_dictionary(folder)
    assert load_dictionary(gemma_scope(tmp_path / "mapped")).d_dict == 64
