"""Answers with verdicts: by question in the report, over the run's claims, and in older runs."""

import re
from pathlib import Path
from typing import Any

import pytest

from microtome import files
from microtome.errors import RunError
from microtome.lab.answers import number_of, proof_of
from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.record import FINDINGS, Record, findings
from microtome.lab.run import conclude, run
from microtome.lab.study import Conclusion
from microtome.lab.terminal import quiet

from .toy import Sums, Toy


def toy(home: Path, **fields: Any) -> Record:
    return run(Toy(output_dir=home, pictures=False, **fields), terminal=quiet())


def concluded(monkeypatch: pytest.MonkeyPatch, *made: Finding) -> None:
    monkeypatch.setattr(Sums, "conclude", lambda *_: Conclusion(made))


def test_the_report_shows_a_question_its_answer_and_how_sure(tmp_path: Path) -> None:
    text = toy(tmp_path).folder.report.read_text()
    shown = text[text.index('<section id="findings"') : text.index("<h2>Audits")]
    assert shown.index("<h3>How much are they all?</h3>") < shown.index("The squares sum to")
    assert re.search(r'<span class="chip supported">supported</span> The squares sum to', shown)
    fold = shown[shown.index("<details") : shown.index("</details>")]
    assert "How sure?" in fold
    assert "smallest effect of interest 0.5" in fold
    assert "false by construction: a world without numbers" in fold
    assert text.count("Intervals are unadjusted") == 1
    assert "over the 1 claim of this run" in text


def test_a_proof_is_the_number_the_test_the_control_and_the_details(tmp_path: Path) -> None:
    found = toy(tmp_path).findings[0]
    lines = proof_of(found)
    assert lines[0] == number_of(found)
    assert lines[1] == f"{found['verdict']}: {found['why']}"
    assert found["why"]
    assert f"control: {found['evidence']['control']}" in lines
    without = found | {"evidence": found["evidence"] | {"control": ""}}
    assert not [line for line in proof_of(without) if line.startswith("control")]


def test_descriptions_have_no_chip_and_stand_under_their_step(tmp_path: Path, monkeypatch) -> None:
    concluded(monkeypatch, Finding.stated("Six numbers were read.", 6.0, n=6))
    record = toy(tmp_path)
    (found,) = record.findings
    assert (found["verdict"], found["q"], found["claim"], found["p"]) == (None,) * 4
    text = record.folder.report.read_text()
    assert "<h3>sums</h3>" in text
    assert 'class="chip' not in text
    assert "<h3>How much are they all?</h3>" not in text


def test_a_direction_is_printed_where_the_claim_is_supported(tmp_path: Path, monkeypatch) -> None:
    claims = [Claim(p=p, least=1, above="It rises.", below="It falls.") for p in (0.001, 0.04)]
    concluded(
        monkeypatch,
        *(Finding("It is open.", Evidence(2.0, 1.0, 3.0), str(c.p), "total", c) for c in claims),
        *(Finding("Null.", Evidence(0.0, -1.0, 1.0), str(i), "total",
                  Claim(p=0.5 + i / 100, least=0.9)) for i in range(8)),
    )  # fmt: skip
    first, second, *rest = toy(tmp_path).findings
    assert (first["verdict"], first["answer"]) == ("supported", "It rises.")
    assert first["q"] == pytest.approx(0.01)
    assert (second["verdict"], second["answer"]) == ("not supported", "It is open.")
    assert second["why"] == "the interval leaves 0 out, but q is too large"
    assert {one["verdict"] for one in rest} == {"inconclusive"}
    assert rest[0]["why"] == "the interval holds 0 and the smallest effect of interest (0.9)"


def test_the_rate_is_one_minus_the_level_of_the_study(tmp_path: Path) -> None:
    record = toy(tmp_path)
    assert findings(record.folder, record.manifest)["rate"] == 0.05
    manifest = record.manifest
    manifest.configuration["level"] = 0.9995
    found = findings(record.folder, manifest)
    assert found["rate"] == 0.0005
    assert found["steps"][1]["findings"][0]["verdict"] == "not supported", "its p is 0.001"


def test_a_question_that_is_not_asked_cannot_be_answered(tmp_path: Path, monkeypatch) -> None:
    concluded(monkeypatch, Finding("Yes.", question="why"))
    with pytest.raises(ValueError, match="'sums' answers 'why', which 'toy' never asks"):
        toy(tmp_path)


def test_a_run_without_verdicts_is_read_as_descriptions(tmp_path: Path) -> None:
    record = toy(tmp_path)
    path = record.folder.step("sums")
    content = files.read_json(path)
    old = {"text": "They sum to 1.", "value": 1.0, "low": 0.0, "high": 2.0, "unit": "u", "n": 6,
           "control": "none", "about": "sum"}  # fmt: skip
    files.write_json(path, {**content, "findings": [old]})
    manifest = record.manifest
    content = findings(record.folder, manifest)
    files.write_json(record.path / FINDINGS, {k: v for k, v in content.items() if k != "rate"})
    written = (record.path / FINDINGS).read_bytes()
    manifest.artifacts[FINDINGS].sha256 = files.sha256(written)
    manifest.write(record.path)
    with pytest.raises(RunError, match="`microtome report` writes it in today's form"):
        _ = record.findings
    conclude(record.folder, manifest)
    manifest.write(record.path)
    (found,) = record.findings
    assert (found["answer"], found["verdict"], found["about"]) == ("They sum to 1.", None, "sum")
    assert found["evidence"] == {**{k: old[k] for k in ("value", "low", "high", "unit", "n")},
                                 "control": "none", "detail": ""}  # fmt: skip
