"""Rows arrive where they are sent: JSONL, TensorBoard's event files, W&B's offline run."""

import struct
import time
from pathlib import Path

import pytest

from microtome.errors import ConfigError
from microtome.files import read_jsonl
from microtome.lab import tracking
from microtome.lab.tracking import Jsonl, Several, tracker

ROWS = [
    {"name": "resid_post_2", "step": step, "tokens": 10 * step, "fvu": 1 / step, "l0": 12.0}
    for step in (1, 2, 5)
]


def records(path: Path) -> list[bytes]:
    """The records of a TFRecord file: length, checksum, content, checksum."""
    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(content[12 : 12 + length])
        content = content[16 + length :]
    return found


def test_tensorboard_holds_every_number(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs pip install 'microtome[tracking]'")
    from tensorboardX.proto.event_pb2 import Event

    both = Several([Jsonl(tmp_path / "rows.jsonl"), tracker("tensorboard", tmp_path)])
    for row in ROWS:
        both(row)
    both.close()
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == ROWS
    (path,) = (tmp_path / "tensorboard").glob("events.*")
    found = {
        (value.tag, event.step): value.simple_value
        for event in map(Event.FromString, records(path))
        for value in event.summary.value
    }
    expected = {
        (f"resid_post_2/{k}", row["step"]): pytest.approx(row[k])
        for row in ROWS
        for k in ("fvu", "l0")
    }
    assert found == expected


@pytest.mark.medium
def test_wandb_works_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs pip install 'microtome[tracking]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    one = tracker("wandb", tmp_path)
    for row in ROWS:
        one(row)
    one.close()
    (path,) = (tmp_path / "wandb").rglob("run-*.wandb")
    # Its own process writes, now or later; pytest's limit ends the wait.
    while path.read_bytes().count(b"resid_post_2/fvu") < len(ROWS):
        time.sleep(0.1)


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"Unknown tracker 'tensorbord'.*tensorboard"):
        tracker("tensorbord", tmp_path)

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tracking.importlib, "import_module", absent)
    with pytest.raises(ConfigError, match=r"pip install 'microtome\[tracking\]'"):
        tracker("tensorboard", tmp_path)
