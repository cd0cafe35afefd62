"""A server's JSON as a Reply, after a check that it is what was asked for.

Faults that may pass (cut JSON, no choice, no content, an error inside a 200) are tried again;
what would only repeat itself (another schema, another model, more tokens than allowed, a reply cut
at the limit) is a JudgeError at once.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from microtome.data.judge.reading import Reply, Token
from microtome.data.judge.retries import PASSING, Passing
from microtome.errors import JudgeError


def parse(text: str, who: str, model: str, max_tokens: int) -> Reply:
    """The one reply in a server's answer `text` to a request for `model`."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise Passing(f"its answer is no whole JSON ({_start(text)})") from None
    if isinstance(answer, dict) and answer.get("error"):
        _error(who, answer["error"], text)
    choice = _choice(who, answer)
    if choice.get("finish_reason") == "length":
        raise JudgeError(
            f"{who} was cut short at max_tokens = {max_tokens} before its verdict: allow more."
        )
    if choice.get("finish_reason") == "error" or choice.get("error"):
        raise Passing(f"it broke off{fault_of(json.dumps({'error': choice.get('error')}))}")
    content = _content(who, choice)
    tokens = _tokens(choice)
    if "".join(token for token, _ in tokens) != content:
        tokens = ()
    reply = Reply(content, _model(who, answer, model), tokens, _usage(answer))
    _obeyed(who, reply, max_tokens)
    return reply


def plain(text: str) -> str:
    """JSON without escapes, so that what is looked for in it is found; other text as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def fault_of(text: str) -> str:
    """': ' and what an error's body says, shortened; nothing where it says nothing."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text
    while isinstance(said, dict):
        said = next((said[key] for key in ("error", "message", "detail") if key in said), "")
    words = " ".join(str(said or "").split())
    return f": {words[:200]}" if words else ""


def _error(who: str, error: Any, text: str) -> None:
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and code in PASSING:
        raise Passing(f"it answered 200 with error {code}{fault_of(text)}")
    raise JudgeError(f"{who} answers 200 with an error{fault_of(text)}.")


def _choice(who: str, answer: Any) -> Mapping[str, Any]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list):
        raise JudgeError(
            f"{who} answered in another schema ({_start(json.dumps(answer))}); give the address "
            "of an OpenAI-compatible server, up to /v1."
        )
    if not choices:
        raise Passing("its answer has no choice")
    if len(choices) != 1 or not isinstance(choices[0], dict):
        raise JudgeError(f"{who} gave {len(choices)} choices where one was asked for.")
    return choices[0]


def _content(who: str, choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("content"), (str, type(None))):
        raise JudgeError(f"{who} answered in another schema: its choice holds no message of text.")
    if not (message.get("content") or "").strip():
        raise Passing("its answer has no content")
    return str(message["content"])


def _model(who: str, answer: Mapping[str, Any], asked: str) -> str:
    """The model that answered; JudgeError when it is not the one asked for.

    Servers add a revision ("name@main", "name-2026-01-31") or leave off a variant (":free"), and
    a router ("openrouter/auto") names the model that it chose.
    """
    given = str(answer.get("model") or "")
    one, other = (name.split(":")[0].rstrip("/").split("/")[-1].lower() for name in (asked, given))
    if given and not asked.startswith("openrouter/") and not (one in other or other in one):
        raise JudgeError(f"{who} was asked and {given!r} answered: the server ignores the model.")
    return given


def _usage(answer: Mapping[str, Any]) -> dict[str, Any]:
    usage = answer.get("usage")
    return {k: v for k, v in usage.items() if _number(v)} if isinstance(usage, dict) else {}


def _obeyed(who: str, reply: Reply, max_tokens: int) -> None:
    spent = reply.usage.get("completion_tokens", 0)
    # Routers count in another tokenizer's tokens; twice as many is no matter of counting.
    if spent > 2 * max_tokens:
        raise JudgeError(
            f"{who} wrote {spent} tokens where max_tokens = {max_tokens}: the server ignores it."
        )


def _tokens(choice: Mapping[str, Any]) -> tuple[Token, ...]:
    """Log-probabilities as the server gives them; none where any of them is not as it should be."""
    given = choice.get("logprobs")
    rows = given.get("content") if isinstance(given, dict) else None
    tokens = []
    for row in rows if isinstance(rows, list) else ():
        options = {}
        for option in (row.get("top_logprobs") or [row]) if isinstance(row, dict) else ():
            if isinstance(option, dict) and _number(option.get("logprob")):
                options[str(option.get("token"))] = min(float(option["logprob"]), 0.0)
        if not options or not isinstance(row.get("token"), str):
            return ()
        tokens.append((row["token"], options))
    return tuple(tokens)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _start(text: str) -> str:
    return repr(" ".join(text.split())[:80])
