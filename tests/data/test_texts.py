"""Corpora are read as they stand, and what is wrong with one is named by file and line."""

import sys
import types
from pathlib import Path

import pytest

from microtome.data.texts import read_texts, stream_texts
from microtome.errors import InputError


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_jsonl_by_field_with_blank_lines_and_bom(tmp_path):
    path = put(tmp_path / "a.jsonl", '\ufeff{"text": "one"}\n\n{"text": " "}\n{"text": "zwö\\n"}\n')
    assert read_texts(path) == ["one", "zwö\n"]
    assert read_texts(path, 1) == ["one"]
    named = put(tmp_path / "b.ndjson", '{"body": "x", "text": 3}\n')
    assert read_texts(str(named), field="body") == ["x"]


def test_plain_text_by_line_or_by_paragraph(tmp_path):
    assert read_texts(put(tmp_path / "a.txt", "one\ntwo\n\n\n")) == ["one", "two"]
    wrapped = put(tmp_path / "b.txt", "\none\n  more\n\n \ntwo\n")
    assert read_texts(wrapped) == ["one\n  more", "two"]
    assert next(stream_texts(wrapped)) == "one\n  more"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: not valid JSON"),
        ("[1]", "line 2: a document is a JSON object"),
        ('{"txt": "x"}', "line 2: there is no field 'text'. Did you mean 'txt'"),
        ('{"text": 7}', "line 2: the field 'text' holds int"),
        ("[" * 100_000, "line 2: not valid JSON"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, said):
    path = put(tmp_path / "a.jsonl", '{"text": "one"}\n' + line + "\n")
    with pytest.raises(InputError, match=said):
        read_texts(path)


def test_files_that_hold_nothing_or_are_no_text(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_texts(tmp_path / "none.txt")
    with pytest.raises(InputError, match="holds no text"):
        read_texts(put(tmp_path / "empty.txt", " \n\n"))
    (tmp_path / "bytes.txt").write_bytes(b"good\n\xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8 text near line"):
        read_texts(tmp_path / "bytes.txt")
    with pytest.raises(InputError, match="holds no dataset"):
        read_texts(tmp_path)


def test_dataset_folders_need_a_split_and_the_package(tmp_path, monkeypatch):
    put(tmp_path / "dataset_dict.json", "{}")
    (tmp_path / "train").mkdir()
    with pytest.raises(InputError, match=r"splits train; name one of them: .*train"):
        read_texts(tmp_path)
    put(tmp_path / "train" / "dataset_info.json", "{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"microtome\[texts\]"):
        read_texts(tmp_path / "train")


def test_a_dataset_that_cannot_be_read_is_one_sentence(tmp_path, monkeypatch):
    def refuse(folder: str) -> None:
        raise RuntimeError("no arrow file\nin it")

    put(tmp_path / "dataset_info.json", "{}")
    module = types.SimpleNamespace(load_from_disk=refuse)
    monkeypatch.setitem(sys.modules, "datasets", module)
    with pytest.raises(InputError, match="cannot be read as a dataset: no arrow file"):
        read_texts(tmp_path)


def test_a_saved_dataset_gives_its_column(tmp_path):
    datasets = pytest.importorskip("datasets", reason="the extra `texts` is not installed")
    rows = datasets.Dataset.from_dict({"text": ["one", "", "two"], "n": [1, 2, 3]})
    rows.save_to_disk(str(tmp_path / "d"))
    assert read_texts(tmp_path / "d") == ["one", "two"]
    with pytest.raises(InputError, match=r"no column 'texts'. Did you mean 'text'"):
        read_texts(tmp_path / "d", field="texts")
