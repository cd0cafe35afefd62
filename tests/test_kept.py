"""A measurement is made once, and again when what it was made of changes or its file is torn."""

from __future__ import annotations

from pathlib import Path

from kept import kept


def test_made_once_for_the_same_and_again_for_another(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(0)
        return {"n": len(made)}

    path = tmp_path / "work" / "facts.json"
    assert kept(path, ["weights", 200], make) == {"n": 1}
    assert kept(path, ["weights", 200], make) == {"n": 1}
    assert kept(path, ["weights", 300], make) == {"n": 2}
    path.write_text(path.read_text()[:20])
    assert kept(path, ["weights", 300], make) == {"n": 3}
    assert len(made) == 3
