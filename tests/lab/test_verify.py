"""`verify` looks at everything and names all that is wrong, whatever stands where a file was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from microtome import files
from microtome.lab.repair import repair
from microtome.lab.run import run
from microtome.lab.store import RunFolder
from microtome.lab.terminal import quiet
from microtome.lab.verify import verify

from .test_faults import finals, flip, journal, toy
from .toy import Toy


def link_out(path: Path) -> None:
    """The same content, but lying outside the run."""
    outside = path.parents[5] / f"outside-{path.name}"
    path.rename(outside)
    path.symlink_to(outside)


def dangle(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    home = tmp_path / "a"
    home.mkdir()
    return home


@pytest.fixture
def calm(deep: Path) -> RunFolder:
    found = run(toy(deep, count=4), terminal=quiet()).folder
    (deep / "journal").unlink()
    return found


VICTIMS = ("tables/squares.parquet", "data/a.json", "arrays/powers.safetensors", "steps/sums.json")


@pytest.mark.parametrize("damage", [link_out, dangle, circle, folder])
def test_every_damaged_file_is_named_at_once(
    calm: RunFolder, damage: Callable[[Path], None]
) -> None:
    units = sorted((calm.path / "units" / "squares").iterdir())[:2]
    for victim in (*(calm.path / name for name in VICTIMS), *units):
        damage(victim)
    problems = verify(calm).problems
    # A link to the very bytes of a unit reads as what was written.
    wrong = [*VICTIMS, *(unit.name for unit in units if damage is not link_out)]
    assert len(problems) == len(wrong)
    for name in wrong:
        assert sum(name in problem for problem in problems) == 1, name


def test_a_file_that_cannot_be_read_stops_nothing(calm: RunFolder, monkeypatch) -> None:
    through = files.sha256_file

    def failing(path: Path) -> str:
        if path.suffix == ".parquet":
            raise OSError(5, "Input/output error")
        return through(path)

    flip(calm.path / VICTIMS[1])
    monkeypatch.setattr(files, "sha256_file", failing)
    problems = verify(calm).problems
    unread = [problem for problem in problems if problem.endswith("read: Input/output error.")]
    assert len(unread) == len(list(calm.path.glob("tables/*.parquet"))) == 3
    assert len(problems) == 4


def test_damaged_units_are_named_though_the_manifest_is_lost(calm: RunFolder) -> None:
    one, two, *_ = sorted((calm.path / "units" / "squares").iterdir())
    flip(one)
    folder(two)
    (calm.path / "manifest.json").write_bytes(b"{}")
    problems = verify(calm).problems
    assert len(problems) == 3
    for name in ("manifest.json", one.name, two.name):
        assert sum(name in problem for problem in problems) == 1


def test_a_folder_in_the_place_of_the_manifest_is_one_sentence(calm: RunFolder) -> None:
    for name in ("manifest.json", "configuration.json"):
        folder(calm.path / name)
    problems = verify(calm).problems
    assert len(problems) == 2
    assert all("cannot be read" in problem for problem in problems)


@pytest.mark.parametrize("damage", [link_out, dangle, circle])
def test_links_are_replaced_and_what_they_lead_to_is_left_alone(
    deep: Path, calm: RunFolder, damage: Callable[[Path], None]
) -> None:
    good = finals(calm)
    for name in VICTIMS:
        damage(calm.path / name)
    outside = {path: path.read_bytes() for path in deep.parent.rglob("outside-*")}
    repair(calm, lambda _: Toy, quiet())
    assert verify(calm).sound
    assert finals(calm) == good
    assert not any(path.is_symlink() for path in calm.path.rglob("*"))
    assert {path: path.read_bytes() for path in outside} == outside
    assert journal(deep) == []


def test_a_link_to_a_folder_outside_is_not_followed(deep: Path, calm: RunFolder) -> None:
    tables = calm.path / "tables"
    outside = deep / "elsewhere"
    tables.rename(outside)
    tables.symlink_to(outside)
    before = {path.name for path in outside.iterdir()}
    problems = verify(calm).problems
    assert len(problems) == len(before)
    assert all("leads out of the run folder" in problem for problem in problems)
    assert {path.name for path in outside.iterdir()} == before
