"""Tables: rows to Arrow, to Parquet with page checksums, to CSV, and a hash per column.

The column hash is over the type and the values, so two runs can be compared whatever version of
Arrow wrote their files.
"""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from microtome import files
from microtome.errors import RunError
from microtome.lab.cells import cell
from microtome.lab.study import Rows

if TYPE_CHECKING:
    import pandas as pd


def from_rows(name: str, rows: "Rows | pd.DataFrame") -> pa.Table:
    """An Arrow table; its columns are those of all rows, in the order they are first met."""
    if not isinstance(rows, Sequence):
        frame = rows.rename(columns=_cell)
        for column in frame.select_dtypes("object"):
            frame[column] = frame[column].map(_cell)
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return pa.table({_cell(column): _column(name, column, rows) for column in columns})


def _column(table: str, column: str, rows: Rows) -> pa.Array:
    try:
        return pa.array([_cell(row.get(column)) for row in rows])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TypeError(f"table {table!r}, column {column!r} mixes types: {error}") from error


def _cell(value: Any) -> Any:
    # Arrow refuses lone surrogates, which a JSONL of prompts may hold.
    return files.encodable(value) if isinstance(value, str) else value


def to_parquet(table: pa.Table) -> bytes:
    """Parquet whose pages carry checksums."""
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer, write_page_checksum=True)
    return buffer.getvalue()


def to_csv(table: pa.Table) -> bytes:
    """CSV with a header; texts that a spreadsheet would run as formulas are marked as texts."""
    buffer = io.BytesIO()
    names = [cell(name) for name in table.column_names]
    pa.csv.write_csv(pa.table([_harmless(column) for column in table.columns], names), buffer)
    return buffer.getvalue()


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts with every cell made harmless; any other as it is."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    return pa.chunked_array([pa.array(map(cell, column.to_pylist()), column.type)])


def read_parquet(path: Path, sha256: str | None = None) -> pa.Table:
    """The table at `path`; RunError when it is missing or not what was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RunError(
            f"{path} does not exist; `microtome verify --repair` recreates it."
        ) from None
    if sha256 is not None and files.sha256(content) != sha256:
        raise RunError(f"{path} is damaged; `microtome verify --repair` recreates it.")
    return pa.parquet.read_table(io.BytesIO(content), page_checksum_verification=True)


def column_hashes(table: pa.Table) -> dict[str, str]:
    """Hash of type and values for every column."""
    return {
        name: files.sha256(json.dumps([str(column.type), column.to_pylist()], default=str).encode())
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def not_finite(rows: Rows) -> int:
    """How many cells are NaN or infinite."""
    return sum(
        isinstance(cell, float) and not math.isfinite(cell) for row in rows for cell in row.values()
    )
