"""One POST to a sampling server: bounded attempts, Retry-After obeyed, the key kept to itself.

Faults that may pass (refused, reset, timed out, torn or unreadable answers, 408, 425, 429, 5xx)
are tried again after min(first · 2^i, longest) seconds or what Retry-After asks; others end at
once, in one sentence. Redirects are not followed, and a key travels by https only, except to this
machine.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from microtome.errors import RemoteError, first_line

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_LOCAL = ("127.0.0.1", "localhost", "::1")
_SAID = 200


@dataclass(frozen=True)
class Server:
    """A server of the OpenAI family at `url`, with or without its /v1.

    `timeout` bounds each silence of an attempt in seconds; `attempts` all of them; a wait longer
    than `longest` is not waited for.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 600.0
    attempts: int = 5
    first: float = 1.0
    longest: float = 120.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.url)
        except (httpx2.InvalidURL, TypeError):
            url = httpx2.URL("")
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            raise RemoteError(
                f"{self._clean(str(self.url))!r} is no address of a server; write it as "
                f"http://127.0.0.1:8000."
            )
        if self.key and url.scheme == "http" and url.host not in _LOCAL:
            raise RemoteError(f"The key would travel to {url.host} unencrypted; give an https URL.")

    @property
    def host(self) -> str:
        """Host and port, as the messages name it."""
        return f"The server {httpx2.URL(self.url).netloc.decode()}"

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer's JSON; RemoteError when there is none to be had."""
        url = f"{self.url.rstrip('/').removesuffix('/v1')}/v1/{path}"
        for attempt in range(1, self.attempts + 1):
            try:
                return self._once(url, body)
            except _Passing as fault:
                wait = max(fault.wait, min(self.first * 2 ** (attempt - 1), self.longest))
                if attempt == self.attempts or wait > self.longest:
                    raise RemoteError(self._failed(fault, attempt, wait)) from None
            self.sleep(wait)
        raise RemoteError(f"{self.host} was not asked: attempts={self.attempts}; use 1 or more.")

    def _once(self, url: str, body: Mapping[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        local = httpx2.URL(url).host in _LOCAL
        try:
            with httpx2.Client(timeout=self.timeout, trust_env=not local) as client:
                response = client.post(url, json=dict(body), headers=headers)
        except httpx2.HTTPError as error:
            raise _Passing(f"the connection failed ({self._clean(first_line(error))})") from None
        self._demand_success(response)
        try:
            return response.json()
        except ValueError:
            raise _Passing("its answer is not JSON") from None

    def _demand_success(self, response: httpx2.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        said = self._clean(" ".join(response.text.split()))[:_SAID]
        if status in PASSING:
            wait = retry_after(response.headers.get("retry-after"))
            raise _Passing(f"it answered {status} ({said})", wait)
        if status in (401, 403):
            raise RemoteError(f"{self.host} refuses the key, or wants one ({status}); check key=.")
        raise RemoteError(
            f"{self.host} refuses the request with {status}: {said or 'no reason given'}; check "
            f"its address, the name of its model, and that it takes token ids as prompts."
        )

    def _failed(self, fault: "_Passing", attempt: int, wait: float) -> str:
        if attempt < self.attempts:
            return (
                f"{self.host} failed because {fault}, and asks to wait {wait:.0f} s, longer than "
                f"{self.longest:g} s; try again later."
            )
        return f"{self.host} failed {attempt} times, at last because {fault}; is it running?"

    def _clean(self, text: str) -> str:
        return text.replace(self.key, "[key]") if self.key else text


class _Passing(Exception):
    """A fault that may be gone at the next attempt; `wait` is what the server asks for, in s."""

    def __init__(self, said: str, wait: float = 0.0) -> None:
        super().__init__(said)
        self.wait = wait


def retry_after(header: str | None) -> float:
    """Seconds that a Retry-After header (a number or a date) asks for; 0 if it says nothing."""
    if not header:
        return 0.0
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
