"""Results show a table and their audit in a notebook, everything escaped."""

import re
from dataclasses import dataclass
from html import escape

import pandas as pd

import microtome as mt
from microtome import resid_post
from microtome.audit import Audit
from microtome.methods.result import Result


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


@dataclass(frozen=True)
class Named(Result):
    """Names of components, which are only text."""

    count: int
    audit: tuple[Audit, ...] = (Audit("gap", 2.0, 1.0),)

    def table(self):
        return pd.DataFrame({"component": ["<b>L0</b>"] * self.count, "value": 1234.56789})


def test_a_long_table_is_cut_and_says_by_how_much():
    html = Named(15)._repr_html_()
    assert re.findall("<th>(.*?)</th>", html) == ["component", "value"], "no row numbers"
    assert html.count("<tr>") == 12
    assert "<p>3 more rows: .table()</p>" in html
    assert "more rows" not in Named(12)._repr_html_()
    assert "1235" in html
    assert "<b>" not in html
    assert "✗" in html, "an audit that failed is marked"
