"""A judge's server on 127.0.0.1 that misbehaves as told: real sockets, real HTTP, no mock.

A `Fault` is a function of the handler, the request and its number that answers, or fails to.
`good` answers as an OpenAI-compatible server does, with the verdict that a function chooses.
"""

import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

Request = dict[str, Any]
Fault = Callable[[BaseHTTPRequestHandler, Request], None]


@dataclass
class Faulty:
    """The running server: its address and all it was asked, with the headers it was sent."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def faulty(*script: Fault) -> Iterator[Faulty]:
    """A server that does `script[i]` at its i-th request, and the last of them ever after."""
    state, lock = Faulty(), Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(state.requests)
                state.requests.append({"path": self.path, **body})
                state.headers.append({k.lower(): v for k, v in self.headers.items()})
            with suppress(OSError):
                script[min(number, len(script) - 1)](self, body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def closed_url() -> str:
    """An address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def send(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    """An answer; a body that is no text goes as JSON."""
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def status(code: int, body: Any = "", **headers: str) -> Fault:
    return lambda handler, request: send(handler, code, body, **headers)


def nonce_of(request: Request) -> str:
    """The nonce, as a judge that reads its instructions finds it."""
    found = re.findall(r"second the code (\w+)", request["messages"][-1]["content"])
    return str(found[-1])


def solutions_of(request: Request) -> tuple[str, str]:
    """Both solutions, as a judge sees them."""
    text = request["messages"][-1]["content"]
    found = re.search(r"\n(\w+) SOLUTION 1\n(.*)\n\n\1 SOLUTION 2\n(.*)\n\1 END", text, re.DOTALL)
    assert found
    return found[2], found[3]


def reply(request: Request, content: str | None, **changed: Any) -> dict[str, Any]:
    """An OpenAI chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    return {
        "id": "x",
        "object": "chat.completion",
        "model": request["model"],
        "choices": [choice],
        "usage": {"completion_tokens": 12, "prompt_tokens": 99},
    } | changed


def good(label: Callable[[str, str], str] = lambda a, b: "SAME") -> Fault:
    """A judge that answers label(first, second) as it was asked to."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        said = f"They compare.\nVERDICT {nonce_of(request)} {label(*solutions_of(request))}"
        send(handler, 200, reply(request, said))

    return answer


def says(content: Callable[[Request], str | None], **changed: Any) -> Fault:
    """A judge that says anything."""
    return lambda handler, request: send(handler, 200, reply(request, content(request), **changed))


def with_log_probabilities(label: str, chances: Sequence[tuple[str, float]]) -> Fault:
    """A good answer whose last token stood against `chances` (token, log-probability)."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        start = f"Read.\nVERDICT {nonce_of(request)}"
        tokens = [(start, [(start, -0.1)]), (f" {label}", list(chances))]
        rows = [
            {
                "token": token,
                "logprob": options[0][1],
                "top_logprobs": [{"token": t, "logprob": p} for t, p in options],
            }
            for token, options in tokens
        ]
        body = reply(request, f"{start} {label}")
        body["choices"][0]["logprobs"] = {"content": rows}
        send(handler, 200, body)

    return answer


def reset(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """Close with RST, as a server that dies does."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.rfile.close()
    handler.connection.close()


def cut(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def cut_json(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """Whole HTTP, half JSON."""
    send(handler, 200, json.dumps(reply(request, "hello"))[:40])


def hang(seconds: float = 30.0) -> Fault:
    """Say nothing for a while."""
    return lambda handler, request: time.sleep(seconds)


def drip(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """White space for ever, a byte at a time: no single read ever takes long."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def drip_headers(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """Headers for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(1000):
        handler.wfile.write(f"X-{i}: y\r\n".encode())
        time.sleep(0.02)


def flood(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """More than anybody asked for."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b"x" * 2**20)
