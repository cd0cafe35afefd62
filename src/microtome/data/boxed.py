r"""The last \boxed{} of a text, with its braces balanced.

\boxed{\frac{1}{2}} holds "\frac{1}{2}"; \fbox{} counts as well, and so does "\boxed 5", whose one
word is the content. A box that is never closed (a solution cut short) is no answer: the last
closed one before it is taken. Of boxes within each other the innermost holds the answer. Escaped
braces \{ and \} are content. One pass over the text, whatever a model has written.
"""

import re

_TOKEN = re.compile(r"\\f?box(?:ed)?\b\s*(?P<open>\{)?(?P<word>[^\s{}\\]+)?|\\.|[{}]", re.DOTALL)


def last_boxed(text: str) -> str | None:
    r"""Content of the last closed \boxed{...} of `text`, stripped; None where none holds one."""
    opened: list[int | None] = []
    last, content = -1, None
    for token in _TOKEN.finditer(text):
        if token["open"]:
            opened.append(token.end("open"))
        elif token["word"]:
            last, content = token.start("word"), token["word"].rstrip("$.,;")
        elif token[0] == "{":
            opened.append(None)
        elif token[0] == "}" and opened:
            start = opened.pop()
            if start is not None and start > last:
                last, content = start, text[start : token.start()]
    return (content or "").strip() or None
