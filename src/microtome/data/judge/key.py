"""A secret that shows itself nowhere: not in repr, not in copies, pickles or JSON.

It is read from the environment or from a `.env` file of the working directory, which is parsed
here and never put into the environment. `redact` takes it out of whatever a server says back.
"""

import os
import re
from pathlib import Path
from typing import Any, NoReturn

from microtome.errors import JudgeError

_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>\w+)\s*=\s*(?P<value>.*?)\s*")
_SHORTEST = 4


class Key:
    """An API key; `header` is the one way to its text."""

    __slots__ = ("_text", "name")

    def __init__(self, text: str, name: str = "key") -> None:
        if len(text) < _SHORTEST or not re.fullmatch(r"[A-Za-z0-9._~+/=:-]+", text):
            raise JudgeError(
                f"The API key in {name} is too short, or holds other signs than letters, digits "
                "and ._~+/=:- (a space, a line end?): copy it again."
            )
        self._text = text
        self.name = name

    def header(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": f"Bearer {self._text}"}

    def redact(self, text: str) -> str:
        """`text` with the key, should it stand in there, taken out."""
        return text.replace(self._text, "[key]")

    def __repr__(self) -> str:
        return f"Key({self.name}, hidden)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A key is neither copied nor stored; find it again where it is needed.")


def find_key(name: str, folder: Path | None = None) -> Key | None:
    """The key called `name` from the environment, else from `folder`/.env; None where neither."""
    text = os.environ.get(name, "").strip() or _from_file((folder or Path.cwd()) / ".env", name)
    return Key(text, name) if text else None


def _from_file(path: Path, name: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise JudgeError(f"{path} cannot be read as text; {name} was looked for there.") from None
    found = ""
    for line in lines:
        match = _LINE.fullmatch(line)
        if match and match["name"] == name:
            found = _unquoted(match["value"])
    return found


def _unquoted(value: str) -> str:
    for quote in "\"'":
        if value.startswith(quote) and (end := value.find(quote, 1)) > 0:
            return value[1:end]
    return re.split(r"\s+#", f" {value}")[0].strip()
