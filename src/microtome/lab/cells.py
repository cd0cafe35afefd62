"""Cells of a CSV file, which a spreadsheet must read as text and not run as a formula.

A text that begins with = + - @ (narrow or wide), a tab or a line break gets an apostrophe in front,
unless it is a number. Parquet holds every text as it is.
CWE-1236, https://owasp.org/www-community/attacks/CSV_Injection
"""

import re
from typing import Any

FORMULA = r"^[=+\-@＝＋－＠\t\r\n]"
NUMBER = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"


def cell(value: Any) -> Any:
    """`value` as a spreadsheet may have it: texts made harmless, all else as it is."""
    if isinstance(value, str) and re.search(FORMULA, value) and not re.search(NUMBER, value):
        return f"'{value}"
    return value
