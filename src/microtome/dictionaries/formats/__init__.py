"""One file per file format; `table` sniffs which one a folder holds."""
