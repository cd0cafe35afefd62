"""An OpenAI-compatible server as a chat: one question at a time, and only what was asked for.

Every attempt has one bound on its whole time (a server that drips cannot hold it) and on its size.
The key goes to the configured host alone: redirects are not followed, plain http is refused but
for this machine, and the default key is OpenRouter's and goes nowhere else.
"""

import asyncio
import ssl
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from threading import Event
from typing import Any, TypeVar

import httpx2

from microtome.data.judge.key import Key, find_key
from microtome.data.judge.question import Message
from microtome.data.judge.reading import Reply
from microtome.data.judge.response import fault_of, parse, plain
from microtome.data.judge.retries import PASSING, Passing, Retries, Stopped, retry_after
from microtome.errors import JudgeError

OPENROUTER = "https://openrouter.ai/api/v1"
KEY_NAME = "OPENROUTER_API_KEY"
_LOCAL = ("127.0.0.1", "localhost", "::1")
_LARGEST = 16 * 2**20
T = TypeVar("T")


@dataclass(frozen=True)
class Endpoint:
    """A model behind `base_url`; JudgeError at once where it cannot be asked at all.

    `key_name` is the environment variable (or `.env` line) of the key; without it, OpenRouter is
    sent OPENROUTER_API_KEY and any other host no key. `timeout` bounds one attempt, in seconds.
    """

    model: str
    base_url: str = OPENROUTER
    key: Key | None = field(default=None, repr=False, compare=False)
    key_name: str | None = None
    temperature: float = 0.0
    max_tokens: int = 2048
    logprobs: bool = True
    timeout: float = 180.0
    role: str = "judge"
    """What a sentence calls it."""
    retries: Retries = field(default_factory=Retries)

    def __post_init__(self) -> None:
        url = _checked(self.base_url)
        if not self.model.strip():
            raise JudgeError("A judge needs the name of its model; give judge_model.")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))
        name = self.key_name or (KEY_NAME if url.host == "openrouter.ai" else None)
        if self.key is None and name is not None:
            object.__setattr__(self, "key", find_key(name))
            if self.key is None:
                raise JudgeError(
                    f"The judge at {url.host} needs a key: put {name} into the environment or "
                    "into .env, or do without a judge."
                )
        if self.key is not None and url.scheme == "http" and url.host not in _LOCAL:
            raise JudgeError(
                f"The key would travel to {url.host} unencrypted: give judge_url as https."
            )

    @property
    def identity(self) -> dict[str, Any]:
        """What an answer depends on beside its question."""
        return {
            "model": self.model,
            "base_url": self.base_url,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "logprobs": self.logprobs,
        }

    def ask(self, messages: Sequence[Message], stop: Event | None = None) -> Reply:
        """The reply to the messages; JudgeError in one sentence when there is none to be had."""
        who = f"The {self.role} {self.model} at {httpx2.URL(self.base_url).host}"
        body = self._body(messages)
        stop = stop or Event()

        def attempt(left: float) -> Reply:
            seconds = max(min(self.timeout, left), 0.001)
            status, headers, text = _run(self._post(body, seconds), stop)
            self._status(who, status, headers, text)
            return parse(text, who, self.model, self.max_tokens)

        return self.retries.run(attempt, who, stop)

    def _body(self, messages: Sequence[Message]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }
        return body | ({"logprobs": True, "top_logprobs": 10} if self.logprobs else {})

    async def _post(
        self, body: Mapping[str, Any], seconds: float
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and body of one attempt, the key taken out of the latter."""
        local = httpx2.URL(self.base_url).host in _LOCAL
        headers = self.key.header() if self.key else {}
        try:
            async with (
                asyncio.timeout(seconds),
                httpx2.AsyncClient(verify=_tls(), trust_env=not local, timeout=None) as client,
                client.stream(
                    "POST", f"{self.base_url}/chat/completions", json=body, headers=headers
                ) as response,
            ):
                return (
                    response.status_code,
                    response.headers,
                    self._clean(plain(await _whole(response))),
                )
        except TimeoutError:
            raise Passing(f"it did not answer within {seconds:.3g} s") from None
        except httpx2.HTTPError as error:
            raise Passing(f"the connection failed ({self._clean(_name(error))})") from None

    def _clean(self, text: str) -> str:
        return self.key.redact(text) if self.key else text

    def _status(self, who: str, status: int, headers: Mapping[str, str], text: str) -> None:
        if status == 200:
            return
        said = fault_of(text)
        if status in PASSING:
            raise Passing(f"it answered {status}{said}", retry_after(headers.get("retry-after")))
        if 300 <= status < 400:
            raise JudgeError(
                f"{who} redirects to {self._clean(headers.get('location', 'nowhere'))[:200]!r}, "
                "which is not followed; give the final address as judge_url."
            )
        if status in (401, 403):
            named = f"the key in {self.key.name}" if self.key else "a request without a key"
            raise JudgeError(f"{who} refuses {named} ({status}{said}); check the key.")
        hint = "; set logprobs to false" if "logprob" in said else ""
        raise JudgeError(f"{who} refuses the request with {status}{said}{hint}.")


def _checked(base_url: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, TypeError):
        raise JudgeError(f"{base_url!r} is no address of a judge, such as {OPENROUTER}.") from None
    if url.userinfo or url.query or url.fragment:
        raise JudgeError(
            "The address of a judge must hold no user, password, query or fragment: "
            "keys belong into the environment."
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise JudgeError(f"{base_url!r} is no address of a judge, such as {OPENROUTER}.")
    return url


def _run(work: Coroutine[Any, Any, T], stop: Event) -> T:
    """What `work` returns, in a notebook too, where a loop is running in this thread already."""
    with ThreadPoolExecutor(1, "endpoint") as pool:
        return pool.submit(asyncio.run, _until(stop, work)).result()


async def _until(stop: Event, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; Stopped, and `work` given up, soon after `stop` is set."""
    task = asyncio.create_task(work)
    while not task.done():
        if stop.is_set():
            task.cancel()
            raise Stopped("The asking was stopped.")
        await asyncio.wait({task}, timeout=0.1)
    return task.result()


async def _whole(response: httpx2.Response) -> str:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _LARGEST:
            raise Passing(f"its answer is longer than {_LARGEST // 2**20} MiB")
    return content.decode("utf-8", "replace")


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def _name(error: httpx2.HTTPError) -> str:
    said = str(error).strip()
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
