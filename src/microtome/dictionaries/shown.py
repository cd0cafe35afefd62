"""How a result of this package shows itself in a notebook: a small table and its audits."""

from html import escape
from typing import TYPE_CHECKING

from microtome.audit import Audit

if TYPE_CHECKING:
    import pandas

_ROWS = 12


def shown(frame: "pandas.DataFrame", audits: tuple[Audit, ...]) -> str:
    """The first rows and every audit as escaped HTML."""
    table = frame.head(_ROWS).to_html(
        index=False, escape=True, na_rep="", float_format="{:.4g}".format
    )
    more = f"<p>{len(frame) - _ROWS} more rows: .table()</p>" if len(frame) > _ROWS else ""
    lines = "".join(f"<li>{'✓' if a.passed else '✗'} {escape(str(a))}</li>" for a in audits)
    return f"{table}{more}<ul>{lines}</ul>"
