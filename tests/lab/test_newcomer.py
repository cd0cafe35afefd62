"""What a first user stumbled over: paths as text, somebody else's page, runs that stopped."""

import pytest

from microtome.errors import RunError
from microtome.lab.listing import INDEX, write_index
from microtome.lab.record import Record


def test_a_run_is_opened_by_a_path_in_text_and_a_missing_one_is_named(tmp_path):
    with pytest.raises(RunError, match="no run in"):
        Record(str(tmp_path / "nowhere"))
    (tmp_path / "configuration.json").write_text("{}")
    assert Record(str(tmp_path)).path == tmp_path


def test_the_page_of_runs_replaces_only_itself(tmp_path):
    page = write_index(tmp_path)
    assert write_index(tmp_path) == page
    (tmp_path / INDEX).write_text("<html>my own page</html>")
    with pytest.raises(RunError, match="not a page of runs"):
        write_index(tmp_path)
    assert (tmp_path / INDEX).read_text() == "<html>my own page</html>"
