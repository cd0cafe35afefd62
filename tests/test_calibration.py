"""The calibration of claims: its files go on where they stopped, its pages say what was counted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench import calibration_claims, calibration_claims_page, calibration_studies, page
from bench.calibration_claims import BLOCK, PLANTED, claim_of, read, simulate
from bench.calibration_claims_page import Tried, counted, ends, stated, tried
from bench.claims.everything import STUDIES, WORLDS, worlds_of
from bench.claims.world import Rng, World
from bench.null_studies.dilemmas import rename, turn
from bench.null_studies.sampling import exchange, half
from scipy.stats import binomtest

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.verdicts import judge
from microtome.statistics import mean

DOCS = Path(__file__).parent.parent / "docs"


def shifted(rng: Rng, effect: float) -> Finding:
    """A mean of twelve numbers of unit variance."""
    found = mean(rng.normal(effect, 1, 12))
    shown = Evidence(found.value, found.low, found.high, n=found.n)
    return Finding("Not shown.", shown, claim=Claim(p=found.p, least=0.5))


SHIFTED = World("s", "a mean is not 0", "normal numbers", "12 numbers", shifted, (0.5, 2.0), "sd")


def test_a_killed_simulation_goes_on_and_ends_with_the_same_lines(tmp_path: Path) -> None:
    once, twice = tmp_path / "once", tmp_path / "twice"
    simulate([SHIFTED], 2 * BLOCK, once)
    simulate([SHIFTED], BLOCK, twice)
    with twice.open("a") as file:
        file.write('{"world": "s | a me')
    twice.write_text(twice.read_text().rpartition("\n")[0] + "\n")
    simulate([SHIFTED], 2 * BLOCK, twice)

    def kept(path: Path) -> list[dict]:
        return [{k: v for k, v in json.loads(line).items() if k != "seconds"}
                for line in path.read_text().splitlines()]  # fmt: skip

    assert kept(once) == kept(twice)
    (found,) = tried([SHIFTED], read(once))
    assert (found.tables, found.planted[2.0]) == (2 * BLOCK, (2 * PLANTED, 2 * PLANTED))
    assert found.false <= 0.1 * found.tables
    assert found.enough == 2.0


def test_a_size_has_enough_power_where_no_larger_one_has_less() -> None:
    world = World("s", "c", "n", "8", shifted, (1.0, 2.0, 3.0, 4.0))
    counts = {1.0: (90, 100), 2.0: (70, 100), 3.0: (80, 100), 4.0: (100, 100)}
    assert Tried(world, 0, 1, counts).enough == 3.0
    assert Tried(world, 0, 1, counts | {4.0: (79, 100)}).enough is None


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (31, 2000), (20, 20)])
def test_a_share_has_clopper_and_pearsons_interval(hits: int, n: int) -> None:
    due = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert ends(hits, n) == pytest.approx((due.low, due.high))
    assert counted(hits, n).startswith(f"{hits} of {n:,} (")


def test_the_claims_of_a_run_are_judged_as_the_findings_themselves() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        findings = [shifted(rng, effect) for effect in rng.choice([0.0, 0.6, 1.2], 9)]
        due = [one.verdict == "supported" for one in judge(findings)]
        assert calibration_claims_page._supported(list(map(claim_of, findings))) == due
    undecided = Finding("x", Evidence(1.0, 0.5, 2.0), claim=Claim(p=0.01, floor=0.2, least=1.0))
    assert claim_of(undecided) == (None, True)
    assert calibration_claims_page._supported([claim_of(undecided)]) == [False]


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    path, (one, other) = tmp_path / "page.md", page.ORDER
    path.write_text("# Page\n\nNumbers.\n")
    page.put(path, other, f"{other}\n\nWorlds.\n")
    page.put(path, one, f"{one}\n\nTables.\n")
    page.put(path, one, f"{one}\n\nMore tables.\n")
    page.put(path, "", "# Page\n\nOther numbers.\n")
    due = f"# Page\n\nOther numbers.\n\n{one}\n\nMore tables.\n\n{other}\n\nWorlds.\n"
    assert path.read_text() == due


def test_a_studys_page_states_the_size_beside_its_claim() -> None:
    found = Tried(SHIFTED, 0, 100, {0.5: (10, 100), 2.0: (99, 100)})
    table = "| claim | null | power |\n|---|---|---|\n| a mean is not 0 (of 12) | 0; 0.5 | – |\n"
    assert stated(table, [found]) == table.replace("– |", "2 sd |")


@pytest.mark.parametrize("study", STUDIES)
def test_every_claim_stands_in_its_studys_table_and_in_the_calibration(study: str) -> None:
    """With the size that is found in four of five tables, the same in both."""
    own, every = (DOCS / f"{study}.md").read_text(), (DOCS / "calibration.md").read_text()
    assert "calibration.md#claims-of-the-studies" in own
    for world in worlds_of(study):
        name = calibration_claims_page._cell(world.claim)
        (row,) = [line for line in own.splitlines() if line.startswith(f"| {name}")]
        measured = f"| {name} | {calibration_claims_page._cell(world.null)} |"
        (line,) = [line for line in every.splitlines() if line.startswith(measured)]
        if world.effects:
            assert row.split("| ")[-1] == line.split("| ")[-1], row


def test_claims_of_null_studies_are_those_of_the_tables() -> None:
    for study in calibration_studies.STUDIES:
        known = {world.claim for world in WORLDS if world.study == study.study}
        named = {*study.claims, *(claim for claim, _ in study.exceptions.values())}
        assert known <= named
        assert set(study.claims) <= known


def test_exchanges_keep_what_was_measured() -> None:
    rng, names = np.random.default_rng(0), [f"s{i}" for i in range(40)]
    frame = pd.DataFrame({"scenario": np.repeat(names, 2), "model": ["a", "b"] * 40, "x": 1.0})
    other = frame.copy()
    rename(other, "model", {name: {"a": "b", "b": "a"} for name in names[:20]}
           | {name: {"a": "a", "b": "b"} for name in names[20:]})  # fmt: skip
    assert (other["model"] != frame["model"]).tolist() == [True] * 40 + [False] * 40
    turn(other, ("x",), names, rng)
    signs = other.groupby("scenario")["x"].agg(["min", "max"])
    assert (signs["min"] == signs["max"]).all(), "one sign a scenario"
    assert 8 < (signs["min"] < 0).sum() < 32
    rows = frame["scenario"].isin(half(names, rng))
    assert 16 < rows.sum() < 64
    exchange(other, "model", rows)
    assert sorted(other["model"]) == sorted(frame["model"])


def test_a_finding_of_no_known_claim_is_refused() -> None:
    claim = Claim(p=0.01, least=1.0)
    study = calibration_studies.STUDIES[0]
    assert study.claim_of(Finding("x", about="drift")) is None
    assert study.claim_of(Finding("x", about="drift", claim=claim)) in study.claims
    with pytest.raises(ValueError, match="is 0 claims"):
        study.claim_of(Finding("x", about="weather", claim=claim))
    assert calibration_claims.BLOCK >= 100
