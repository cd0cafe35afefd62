"""The reports that several files of tests look at, made once."""

import pytest

from microtome.lab.record import Record

from .reports import made


@pytest.fixture(scope="session")
def innocent(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A report of the gallery."""
    return made(tmp_path_factory.mktemp("innocent"), attack=False)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A report whose every text is an attack."""
    return made(tmp_path_factory.mktemp("hostile"), attack=True)
