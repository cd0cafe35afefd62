"""Files appear whole or not at all, hashes tell values apart, YAML means what it says."""

import json
import os
from pathlib import Path

import pytest

from microtome import files
from microtome.errors import ConfigError, RunError


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "deep" / "table.json"
    files.write_json(path, {"a": 1})
    for call in ("open", "write", "fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
            with pytest.raises(OSError, match="full"):
                files.write_json(path, {"a": 2})
        assert files.read_json(path) == {"a": 1}
        assert [p.name for p in path.parent.iterdir()] == ["table.json"]


def test_short_writes_are_completed(tmp_path: Path, monkeypatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:3])))
    files.write_atomic(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_torn_log_line_costs_only_itself(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    files.append_jsonl(log, {"n": 1})
    with log.open("ab") as file:
        file.write(b'{"n": 2, "te')
    files.append_jsonl(log, {"n": 3})
    assert [row["n"] for row in files.read_jsonl(log)] == [1, 3]


def test_json_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    files.write_json(path, {"nan": float("nan"), "pair": (1, 2), "lone": "\ud800", "é": None})
    text = path.read_text()
    assert json.loads(text, parse_constant=pytest.fail)["nan"] is None
    assert json.loads(text)["pair"] == [1, 2]
    with pytest.raises(TypeError, match="set has no JSON form"):
        files.write_json(path, {"x": {1}})


def test_digest_ignores_order_of_keys_only() -> None:
    assert files.digest({"a": 1, "b": [1, 2]}) == files.digest({"b": (1, 2), "a": 1})
    assert files.digest({"a": 1}) != files.digest({"a": 1.5})
    assert files.digest([1, 2]) != files.digest([2, 1])


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "x\0y", "", ".", "..", "a" * 300, "<b>", "日本"]
)
def test_names_stay_inside(tmp_path: Path, name: str) -> None:
    safe = files.safe_name(name)
    path = files.inside(tmp_path, safe)
    path.write_text("ok")
    assert path.parent == tmp_path
    if name not in ("", ".", "<b>", "日本", "a" * 300):
        with pytest.raises(RunError, match="leads out of"):
            files.inside(tmp_path, name)


def test_cleaned_names_do_not_collide() -> None:
    names = ["a/b", "a_b", "a:b", "a?b", "A" * 100, "A" * 101]
    assert len({files.safe_name(name) for name in names}) == len(names)
    assert files.safe_name("lens_CC_continue") == "lens_CC_continue"


def test_an_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"Cannot write to .*file/runs \(file exists\)"):
        files.writable(tmp_path / "file" / "runs")


def yaml(tmp_path: Path, text: str) -> files.YamlFile:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return files.load_yaml(path)


def test_yaml_values_mean_what_is_written(tmp_path: Path) -> None:
    read = yaml(
        tmp_path,
        "rate: 1e-4\nhalf: .5\nanswer: no\non: yes\nflag: true\nzip: 010\ntime: 12:30\n"
        "day: 2026-01-02\nnothing: ~\nempty:\nlist: [1, a]\nquoted: '1'\n",
    )
    assert read.values == {
        "rate": 1e-4, "half": 0.5, "answer": "no", "on": "yes", "flag": True, "zip": 10,
        "time": "12:30", "day": "2026-01-02", "nothing": None, "empty": None, "list": [1, "a"],
        "quoted": "1",
    }  # fmt: skip


def test_yaml_knows_its_lines(tmp_path: Path) -> None:
    read = yaml(tmp_path, "# comment\n\nmodel: x\npairs:\n  - a\n  - inner: 1\n")
    assert read.where(("model",)).endswith("study.yaml, line 3")
    assert read.where(("pairs", 1, "inner")).endswith("line 6")
    assert read.where(("pairs", 0)).endswith("line 4")
    assert read.where(("absent",)).endswith("study.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", r"line 3: 'a' is given twice \(first on line 1\)"),
        ("a:\n  x: 1\n  x: 2\n", r"line 3: 'x' is given twice"),
        ("a: [1, 2\nb: 3\n", r"line 2: not valid YAML"),
        ("- 1\n- 2\n", r"a configuration is a mapping"),
        ("a: !!python/object/apply:os.system ['true']\n", r"."),
        ("a: !!python/name:os.system\n", r"line 1: the tag .* is not read"),
        ("? [1, 2]\n: 3\n", r"line 1: a key must be a plain name"),
    ],
)
def test_bad_yaml_is_named_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    if "apply" in text:
        assert yaml(tmp_path, text).values == {"a": ["true"]}
        return
    with pytest.raises(ConfigError, match=sentence):
        yaml(tmp_path, text)


def test_absent_and_binary_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        files.load_yaml(tmp_path / "none.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        files.load_yaml(tmp_path / "b.yaml")
    assert yaml(tmp_path, "").values == {}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join(10 * [f'*a{i - 1}'])}]\n" for i in range(1, 25)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, r"line \d+: there are more than 100,000 values, aliases written out"),
        (CHAIN, r"line \d+: values are nested more than 32 deep"),
        ("a: &a [*a]\n", r"line 1: values are nested more than 32 deep"),
        ("a: &a\n  b: *a\n", r"nested more than 32 deep"),
        ("a: " + "[" * 50_000 + "\n", r"line 1: values are nested more than 32 deep"),
        ("a: " + "{b: " * 5000 + "\n", r"line 1: values are nested more than 32 deep"),
        ("".join(f"{' ' * i}a:\n" for i in range(1000)), r"nested more than 32 deep"),
        ("a: '" + "x" * 2**20 + "'\n", r"longer than 1,048,576 bytes"),
        ("a: " + "9" * 5000 + "\n", r"line 1: '9+' cannot be read as int"),
        ("a: !!int many\n", r"line 1: 'many' cannot be read as int"),
        ("a: !!bool maybe\n", r"line 1: 'maybe' cannot be read as bool"),
        ("a: !!timestamp soon\n", r"line 1: 'soon' cannot be read as timestamp"),
        ('a: "\\U00110000"\n', r"not valid YAML"),
        ("a: *nowhere\n", r"line 1: not valid YAML: found undefined alias"),
    ],
    ids=lambda text: text[:20],
)
def test_yaml_that_would_hang_or_crash_is_one_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as error:
        yaml(tmp_path, text)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


def test_yaml_aliases_mean_what_they_stand_for(tmp_path: Path) -> None:
    read = yaml(tmp_path, "a: &one [1, 2]\nb: *one\nc: {d: *one}\n")
    assert read.values == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}
    assert read.where(("b",)).endswith("line 2")
