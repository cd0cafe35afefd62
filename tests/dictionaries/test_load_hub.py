"""Hub names: what the cache holds is used, what is ambiguous is listed, the rest is refused."""

from pathlib import Path

import huggingface_hub
import pytest

from microtome.dictionaries.formats.table import Found, format_of
from microtome.dictionaries.hub import the_one
from microtome.dictionaries.load import load_dictionary
from microtome.errors import DictionaryError
from microtome.model.site import resid_post
from tests.dictionaries.files import gemma_scope

REPOSITORY = "google/gemma-scope-2b-pt-res"
COMMIT = "fd571b47c1c64851e9b1989792367b9babb4af63"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with two dictionaries of layer 12 and one of layer 20 in a repository."""
    root = tmp_path / "hub"
    repository = root / f"models--{REPOSITORY.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    for inside in ("layer_12/width_16k/average_l0_82", "layer_12/width_16k/average_l0_176"):
        gemma_scope(repository / "snapshots", repository=COMMIT, inside=inside)
    gemma_scope(repository / "snapshots", repository=COMMIT, inside="layer_20/width_16k/x")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(root))
    return root


def test_a_cached_dictionary(cache: Path) -> None:
    name = f"{REPOSITORY}/layer_12/width_16k/average_l0_82"
    sae = load_dictionary(name)
    assert sae.site_in == resid_post[12]
    assert sae.origin.source == name
    assert sae.origin.facts["revision"] == COMMIT
    assert sae.origin.facts["average_l0"] == 82
    same = load_dictionary(f"{REPOSITORY}@{COMMIT}/layer_12/width_16k/average_l0_82/params.npz")
    assert same.origin.sha256 == sae.origin.sha256


def test_the_only_one_below_a_folder(cache: Path) -> None:
    sae = load_dictionary(f"{REPOSITORY}/layer_20")
    assert sae.site_in == resid_post[20]
    assert sae.origin.source == f"{REPOSITORY}/layer_20/width_16k/x"


def test_several_are_listed(cache: Path) -> None:
    with pytest.raises(DictionaryError) as told:
        load_dictionary(f"{REPOSITORY}/layer_12")
    assert "holds 2 dictionaries" in str(told.value)
    assert "(width_16k/average_l0_82, width_16k/average_l0_176)" in str(told.value)
    assert f"name one of them, {REPOSITORY}/layer_12/width_16k/average_l0_82" in str(told.value)


@pytest.mark.parametrize(
    ("count", "said"), [(8, "h)"), (9, "h and 1 more)"), (11, "h and 3 more)")]
)
def test_a_long_list_is_cut_after_eight(count: int, said: str) -> None:
    form = format_of("params.npz")
    assert form is not None
    found = [Found(f"{letter}/params.npz", form) for letter in "abcdefghijk"[:count]]
    with pytest.raises(DictionaryError) as told:
        the_one(found, "me/all/")
    assert f"me/all/ holds {count} dictionaries (a, b, c, d, e, f, g, {said}" in str(told.value)
    assert str(told.value).endswith("name one of them, me/all/a.")
    assert the_one(found[2:3], "me/all") is found[2]


def test_only_its_files_are_fetched(cache: Path, tmp_path, monkeypatch) -> None:
    """With an empty cache the repository is listed, and the one dictionary's files asked for."""
    files = ["README.md", "layer_3/a/params.npz", "layer_3/b/params.npz", "layer_4/a/params.npz"]
    asked: list[object] = []

    def download(repository, revision=None, local_files_only=False, allow_patterns=None):
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("empty")
        asked.append((repository, revision, allow_patterns))
        gemma_scope(tmp_path, repository=COMMIT, inside="layer_4/a")
        return str(tmp_path / COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda *a, **k: files)
    sae = load_dictionary("someone/gemma-scope-2b-pt-res@v2/layer_4")
    assert asked == [("someone/gemma-scope-2b-pt-res", "v2", ["layer_4/a/params.npz"])]
    assert sae.site_in == resid_post[4]
    with pytest.raises(DictionaryError, match=r"2 dictionaries \(a, b\); .*repo@v2/layer_3/a"):
        load_dictionary("someone/repo@v2/layer_3")
    with pytest.raises(DictionaryError, match="There is no dictionary in someone"):
        load_dictionary("someone/gemma-scope-2b-pt-res/layer_9")


def test_offline_is_one_sentence(cache: Path) -> None:
    with pytest.raises(DictionaryError, match=r"the hub did not give it \(OfflineModeIsEnabled"):
        load_dictionary("google/gemma-scope-9b-pt-res/layer_9/width_16k/average_l0_88")


def test_nobody_at_the_other_end_is_one_sentence(cache: Path, monkeypatch) -> None:
    """The client hands its HTTP library's own error on, which is no OSError."""
    kinds = huggingface_hub.errors.HfHubHTTPError.__mro__
    theirs = next(kind for kind in kinds if kind.__name__ == "HTTPError")

    def refuse(*arguments: object, **options: object) -> None:
        raise theirs("connection refused")

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", refuse)
    with pytest.raises(DictionaryError, match="the hub did not give it"):
        load_dictionary("google/gemma-scope-9b-pt-res/layer_9/width_16k/average_l0_88")
