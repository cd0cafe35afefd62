"""What a first user stumbled over: paths as text, somebody else's page, runs that stopped."""

import pytest

from microtome.errors import ModelError, RunError
from microtome.lab.listing import INDEX, write_index
from microtome.lab.record import Record
from microtome.model.source import model_source


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


def test_an_adapter_in_place_of_a_model_is_called_one(tmp_path):
    with pytest.raises(ModelError, match="give a saved model"):
        model_source(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds an adapter: give its base model"):
        model_source(str(tmp_path))
