"""Of the layers, the finding on separation names the one whose strongest feature stands out."""

from microtome.studies.misconceptions.contrast_findings import _best


def test_the_best_layer_is_that_of_the_largest_t() -> None:
    rows = [{"layer": n, "strongest_t": t} for n, t in enumerate([1.5, 9.0, -12.0, 4.0])]
    assert _best(rows) == [rows[1]]
    assert _best([]) == []
