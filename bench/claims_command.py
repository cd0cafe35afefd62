"""The parts of `python -m bench.calibration` on claims and whole studies, and their sections."""

from pathlib import Path

from bench import (
    calibration_claims,
    calibration_claims_page,
    calibration_studies,
    calibration_studies_page,
)
from bench.claims.everything import STUDIES, WORLDS
from bench.page import put


def claims(only: str, tables: int, results: Path, page: Path | None) -> None:
    """Simulate the claims whose name contains `only`; the page and the studies' pages."""
    calibration_claims.simulate([one for one in WORLDS if only in one.key], tables, results)
    blocks = calibration_claims.read(results)
    section = calibration_claims_page.section(blocks)
    print(section)
    if page is None:
        return
    put(page, calibration_claims_page.HEADING, section)
    for study in STUDIES:
        own = page.with_name(f"{study}.md")
        worlds = [one for one in WORLDS if one.study == study]
        tried = calibration_claims_page.tried(worlds, blocks)
        own.write_text(calibration_claims_page.stated(own.read_text(), tried))


def studies(only: str, worlds: int, results: Path, page: Path | None) -> None:
    """Make the null worlds of the studies whose name contains `only`, and the page."""
    chosen = [one for one in calibration_studies.STUDIES if only in one.study]
    calibration_studies.simulate(worlds, results, chosen)
    section = calibration_studies_page.section(calibration_claims.lines(results))
    print(section)
    if page is not None:
        put(page, calibration_studies_page.HEADING, section)
