"""Results show a table and their audit in a notebook, everything escaped."""

from html import escape

import microtome as mt
from microtome import resid_post


def test_results_show_table_and_audit(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    direction = model.direction(50, 60)
    run = model.run("hello", read=resid_post[:])
    shown = [
        mt.logit_lens(run, direction),
        mt.attribute(model, "hello", direction),
        mt.patch(model, "hello", "jelly", mt.mlp_out[:], direction),
    ]
    for result in shown:
        html = result._repr_html_()
        assert html.count("<tr") >= 3
        assert all(escape(audit.name) in html for audit in result.audit)
        assert "✗" not in html
