"""Completions from a server that speaks vLLM's dialect of /v1/completions; states from here.

The server gets token ids and returns token ids: no text is encoded again. What it must honour
(`n`, `seed`, `logprobs`, `return_token_ids`, no truncation beyond what is asked) is checked as far
as an answer can show it. One teacher-forced pass of the local model over the ids then gives the
states, and the mean gap between the server's log-probabilities and the local ones is an audit: it
is large where the server holds another model, or tempers its log-probabilities.

Tested against a small HTTP server over this package's own sampler; never run against vLLM itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from microtome.audit import Audit
from microtome.errors import RemoteError
from microtome.model.model import Model
from microtome.model.sampling.draw import Rule
from microtome.model.sampling.forced import teacher_forced
from microtome.model.sampling.generate import checked, counted, prompt_ids
from microtome.model.sampling.loop import stop_ids
from microtome.model.sampling.pooling import Pooling
from microtome.model.sampling.samples import Samples
from microtome.model.sampling.server import Server

TOLERANCE = 0.05
"""Nats a token by which engine and local model may differ on average (bf16 against fp32)."""
_UNLIKELY = math.log(1e-9)


@dataclass(frozen=True)
class Served:
    """Completions as the server gave them: ids without EOS, and the log-probs it reported."""

    prompt_ids: tuple[int, ...]
    completions: tuple[tuple[int, ...], ...]
    finished: tuple[bool, ...]
    log_probs: tuple[tuple[float, ...], ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Remote:
    """The server's completions with the local model's log-probs and latents, and their audit."""

    samples: Samples
    served: Served
    audit: Audit


def remote_sample(
    url: str | Server,
    prompt_ids: Sequence[int],
    *,
    n: int,
    temperature: float,
    max_new_tokens: int,
    model: str,
    seed: int = 42,
    stop: Sequence[int] = (),
    top_k: int = 0,
    top_p: float = 1.0,
    key: str | None = None,
) -> Served:
    """n completions of a prompt of token ids by the server's `model`.

    `stop` are the ids that end a completion, and nothing else does. How the draws follow from
    `seed` is the server's own affair: they are not those of `sample`. RemoteError where the server
    cannot be asked or did not do what was asked.
    """
    rule = Rule(temperature, top_k, top_p)
    counted("n", n)
    server = url if isinstance(url, Server) else Server(url, key)
    ids = [int(i) for i in prompt_ids]
    body: dict[str, Any] = {
        "model": model,
        "prompt": ids,
        "n": n,
        "max_tokens": counted("max_new_tokens", max_new_tokens),
        "temperature": rule.temperature,
        "top_p": rule.top_p,
        "top_k": rule.top_k or -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": seed,
        "logprobs": 1,
        "return_token_ids": True,
        "stop_token_ids": sorted(set(stop)),
        "ignore_eos": True,
    }
    choices = _choices(server, server.post("completions", body), body)
    read = [_read(server, choice, body) for choice in choices]
    served = Served(tuple(ids), *map(tuple, zip(*read, strict=True)))
    _demand_chance(server, served, temperature)
    return served


def sample_remotely(
    local: Model,
    url: str | Server,
    prompt: str | Sequence[int],
    *,
    n: int,
    temperature: float,
    max_new_tokens: int,
    model: str,
    seed: int = 42,
    forced: Sequence[int] = (),
    stop: Sequence[int] | None = None,
    pooling: Pooling | None = None,
    top2: bool = False,
    key: str | None = None,
    tolerance: float = TOLERANCE,
    chat: bool = False,
) -> Remote:
    """`remote_sample`, then one teacher-forced pass of the local model over what came back."""
    own = prompt_ids(local, prompt, chat)
    prefix = checked(local, [*own, *(int(i) for i in forced)], max_new_tokens)
    served = remote_sample(
        url, prefix, n=n, temperature=temperature, max_new_tokens=max_new_tokens, model=model,
        seed=seed, stop=stop_ids(local, stop).tolist(), key=key,
    )  # fmt: skip
    samples = teacher_forced(local, prefix, served.completions, pooling, top2=top2)
    samples = replace(
        samples,
        prompt_ids=tuple(own),
        prefixes=(tuple(forced),) * n,
        finished=served.finished,
    )
    return Remote(samples, served, log_prob_gap(served, samples, tolerance))


def log_prob_gap(served: Served, samples: Samples, tolerance: float = TOLERANCE) -> Audit:
    """The mean |engine − local| log-prob of a generated token, in nats."""
    gaps = [
        abs(theirs - ours)
        for row, reported in enumerate(served.log_probs)
        for theirs, ours in zip(reported, samples.log_probs[row].tolist(), strict=False)
    ]
    mean = sum(gaps) / len(gaps) if gaps else math.nan
    worst = max(gaps, default=math.nan)
    note = f"nats a token over {len(gaps)} tokens; largest {worst:.3g}"
    return Audit("engine-to-local log-prob gap", mean, tolerance, note=note)


def _choices(server: Server, answer: Any, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = answer.get("choices") if isinstance(answer, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(c, Mapping) for c in found):
        raise RemoteError(f"{server.host} answered without choices; it is no completions server.")
    if len(found) != body["n"]:
        raise RemoteError(
            f"{server.host} was asked for n={body['n']} completions and gave {len(found)}: it "
            f"ignores n; use a server of vLLM's dialect."
        )
    given = [c.get("prompt_token_ids", body["prompt"]) for c in found]
    if any(ids is not None and ids != body["prompt"] for ids in given):
        raise RemoteError(
            f"{server.host} changed the prompt's token ids (a BOS of its own?); use a server "
            f"that takes them as they are."
        )
    return sorted(found, key=lambda choice: choice.get("index", 0))


def _read(
    server: Server, choice: Mapping[str, Any], body: Mapping[str, Any]
) -> tuple[tuple[int, ...], bool, tuple[float, ...]]:
    """One completion's ids (its end token left off), whether it ended, and its log-probs."""
    ids, reason = _numbers(choice.get("token_ids"), int), choice.get("finish_reason")
    details = choice.get("logprobs")
    given = details.get("token_logprobs") if isinstance(details, Mapping) else None
    reported = _numbers(given, (int, float))
    if ids is None:
        raise RemoteError(
            f"{server.host} returned no token ids, and text is not encoded again; use a vLLM that "
            f"knows return_token_ids."
        )
    if reported is None or len(reported) != len(ids):
        raise RemoteError(
            f"{server.host} returned no log-probability for each token; use a server that knows "
            f"logprobs."
        )
    if reason not in ("stop", "length") or len(ids) > body["max_tokens"]:
        raise RemoteError(
            f"{server.host} ended a completion of {len(ids)} tokens with {reason!r}; asked were "
            f"at most {body['max_tokens']}, ended by 'length' or 'stop'."
        )
    ended = reason == "stop"
    kept = len(ids) - 1 if ended and ids and ids[-1] in body["stop_token_ids"] else len(ids)
    return tuple(ids[:kept]), ended, tuple(float(p) for p in reported[:kept])


def _numbers(values: Any, kind: Any) -> list[Any] | None:
    """The values, if they are a list of finite numbers of this kind."""
    fits = isinstance(values, list) and all(
        isinstance(v, kind) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )
    return values if fits else None


def _demand_chance(server: Server, served: Served, temperature: float) -> None:
    """Equal completions that chance would hardly make equal: the temperature was ignored."""
    n, probable = len(served.completions), sum(served.log_probs[0])
    same = n > 1 and len(set(served.completions)) == 1
    if same and temperature >= 1 and (n - 1) * probable < _UNLIKELY:
        raise RemoteError(
            f"{server.host} gave {n} equal completions of probability e^{probable:.0f} each at "
            f"temperature {temperature:g}: it ignores the temperature; let it sample."
        )
