"""What every result shares: it shows itself, a small table and its audit, in a notebook."""

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING

from microtome.audit import Audit

if TYPE_CHECKING:
    import pandas

SHOWN = 12


class Result(ABC):
    """A frozen result with a `table()` and an `audit`."""

    audit: tuple[Audit, ...]

    @abstractmethod
    def table(self) -> "pandas.DataFrame":
        """The result as a frame."""

    def _repr_html_(self) -> str:
        frame = self.table()
        shown = frame.head(SHOWN).to_html(index=False, escape=True, float_format="{:.4g}".format)
        more = f"<p>{len(frame) - SHOWN} more rows: .table()</p>" if len(frame) > SHOWN else ""
        lines = "".join(
            f"<li>{'✓' if audit.passed else '✗'} {escape(str(audit))}</li>" for audit in self.audit
        )
        return f"{shown}{more}<ul>{lines}</ul>"
