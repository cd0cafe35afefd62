"""A server over our own sampler, honest or with one fault, and the client that asks it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import torch

import microtome as mt
from microtome import resid_post
from microtome.errors import PromptError, RemoteError
from microtome.model.sampling import Pooling, sample
from microtome.model.sampling.remote import remote_sample, sample_remotely
from microtome.model.sampling.server import Server

PROMPT = "They count, "
KEY = "canary-5f0c"
POOLING = Pooling((resid_post[:],), 2, (12,))
DRAW: dict[str, Any] = {"n": 5, "temperature": 1.0, "max_new_tokens": 12, "model": "tiny"}


@dataclass
class Served:
    """A running server: its address, what it was asked, and the naps its client took."""

    url: str
    asked: list[dict[str, Any]]
    keys: list[str | None]
    naps: list[float] = field(default_factory=list)

    def client(self, **options: Any) -> Server:
        return Server(self.url, **{"first": 0.01, "sleep": self.naps.append, **options})


def answer(model: mt.Model, asked: dict[str, Any]) -> dict[str, Any]:
    """What vLLM answers: the stop token among the ids, log-probs of the model itself."""
    samples = sample(
        model, asked["prompt"], n=asked["n"], temperature=asked["temperature"],
        max_new_tokens=asked["max_tokens"], seed=asked["seed"], stop=asked["stop_token_ids"],
    )  # fmt: skip
    choices = []
    for i, ids in enumerate(samples.completions):
        end = asked["stop_token_ids"][:1] if samples.finished[i] else []
        log_probs = samples.log_probs[i, : len(ids)].tolist() + [-1.0] * len(end)
        choices.append(
            {
                "index": i,
                "text": samples.text(i),
                "finish_reason": "stop" if samples.finished[i] else "length",
                "token_ids": [*ids, *end],
                "prompt_token_ids": asked["prompt"],
                "logprobs": {"token_logprobs": log_probs},
            }
        )
    return {"object": "text_completion", "choices": choices[::-1]}


Fault = Callable[[dict[str, Any]], Any]


@contextmanager
def serving(
    model: mt.Model, fault: Fault | None = None, statuses: tuple[Any, ...] = ()
) -> Iterator[Served]:
    """Answers as `answer` does, spoilt by `fault`; the first ones are `statuses` (code, headers).

    A status of 0 is a connection that closes, 1 a body that breaks off, 2 no JSON.
    """
    asked: list[dict[str, Any]] = []
    keys: list[str | None] = []
    pending = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(body)
            keys.append(self.headers.get("authorization"))
            status, headers = pending.pop(0) if pending else (200, {})
            if status == 0:
                self.close_connection = True
                return
            if status > 2 and status != 200:
                self._send(status, headers, json.dumps({"echo": self.headers["authorization"]}))
                return
            said = answer(model, body)
            text = json.dumps(fault(said) if fault else said)
            self._send(200, {}, "<html>" if status == 2 else text, torn=status == 1)

        def _send(
            self, status: int, headers: dict[str, str], text: str, torn: bool = False
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text) + 100 * torn))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}/v1", asked, keys)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def model(checkpoint: Callable[[str], Any]) -> mt.Model:
    return mt.load(str(checkpoint("llama")))


def test_ids_come_back_as_they_went_and_states_are_those_of_local_samples(model):
    with serving(model) as server:
        remote = sample_remotely(model, server.url, PROMPT, pooling=POOLING, **DRAW)
    local = sample(model, PROMPT, n=5, temperature=1.0, max_new_tokens=12, pooling=POOLING)
    assert remote.samples.completions == local.completions
    assert remote.samples.finished == local.finished
    rows = torch.nonzero(local.counts(12) > 0)[:, 0].tolist()
    found, expected = (s.latents(12, rows) for s in (remote.samples, local))
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert remote.audit.passed
    assert remote.audit.value < 1e-5
    (asked,) = server.asked
    assert asked["top_k"] == -1
    assert asked["top_p"] == 1.0
    assert asked["prompt"] == list(local.prompt_ids)


def test_the_two_likeliest_tokens_are_the_local_models(model):
    with serving(model) as server:
        remote = sample_remotely(model, server.url, PROMPT, top2=True, **DRAW)
        without = sample_remotely(model, server.url, PROMPT, **DRAW)
    local = sample(model, PROMPT, n=5, temperature=1.0, max_new_tokens=12, top2=True)
    for row, ids in enumerate(local.completions):
        assert torch.equal(
            remote.samples.top2_ids[row, : len(ids)], local.top2_ids[row, : len(ids)]
        )
    assert without.samples.top2_ids is None
    assert without.samples.entropy is None


def test_ends_are_told_from_tokens(model):
    draw = {"n": 5, "temperature": 1.0, "max_new_tokens": 12, "forced": (40, 41)}
    free = sample(model, PROMPT, stop=(), **draw)
    ends = sorted({free.completions[0][4], free.completions[2][7]})
    with serving(model) as server:
        found = sample_remotely(model, server.url, PROMPT, stop=ends, forced=(40, 41), **DRAW)
    assert found.samples.forced == (40, 41)
    expected = sample(model, PROMPT, stop=ends, **draw)
    assert found.samples.completions == expected.completions
    assert found.samples.finished == expected.finished
    assert any(found.samples.finished)


def test_another_model_behind_the_server_fails_the_audit(model, tmp_path):
    from tests.model.families import save

    other = mt.load(str(save("llama", tmp_path, seed=1)))
    with serving(other) as server:
        remote = sample_remotely(model, server.url, PROMPT, **DRAW)
    assert not remote.audit.passed
    assert remote.audit.value > 0.5


def spoilt(**changes: Any) -> Fault:
    """Every choice with these entries changed (None: removed)."""

    def spoil(said: dict[str, Any]) -> dict[str, Any]:
        for choice in said["choices"]:
            for name, value in changes.items():
                choice.pop(name) if value is None else choice.update({name: value})
        return said

    return spoil


FAULTS: dict[str, tuple[Fault, str]] = {
    "n ignored": (lambda said: {"choices": said["choices"][:1]}, "asked for n=5 .* and gave 1"),
    "no ids": (spoilt(token_ids=None), "no token ids, and text is not encoded again"),
    "ids as text": (spoilt(token_ids=["a", "b"]), "no token ids"),
    "no log-probs": (spoilt(logprobs=None), "no log-probability for each token"),
    "log-probs torn": (spoilt(logprobs={"token_logprobs": [0.0]}), "no log-probability for each"),
    "own bos": (spoilt(prompt_token_ids=[1, 1, 5]), "changed the prompt's token ids"),
    "aborted": (spoilt(finish_reason="abort"), "with 'abort'; asked were at most 12"),
    "no choices": (lambda said: {"error": "none"}, "answered without choices"),
    "a list": (lambda said: [1, 2], "answered without choices"),
    "temperature ignored": (
        lambda said: {"choices": [{**said["choices"][0], "index": i} for i in range(5)]},
        "5 equal completions .* it ignores the temperature",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_was_asked_for_and_not_given_is_one_sentence(model, name):
    fault, sentence = FAULTS[name]
    with serving(model, fault) as server, pytest.raises(RemoteError, match=sentence) as caught:
        sample_remotely(model, server.client(), PROMPT, **DRAW)
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 1, "asking again would give the same"


def test_passing_faults_are_tried_again_and_retry_after_is_obeyed(model):
    statuses = ((429, {"Retry-After": "7"}), (0, {}), (1, {}), (503, {}))
    with serving(model, statuses=statuses) as server:
        served = remote_sample(server.client(), [1, 50, 60], **DRAW)
    assert len(served.completions) == 5
    assert server.naps == [7.0, 0.02, 0.04, 0.08]


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        (((500, {}),) * 9, "failed 3 times, at last because it answered 500"),
        (((2, {}),) * 9, "failed 3 times, at last because its answer is not JSON"),
        (((429, {"Retry-After": "9999"}),), "asks to wait 9999 s, longer than 120 s"),
        (((400, {}),), "refuses the request with 400"),
        (((401, {}),), "refuses the key, or wants one"),
        (((302, {"Location": "http://127.0.0.1:9/"}),), "refuses the request with 302"),
    ],
)
def test_what_does_not_pass_ends_in_one_sentence_without_the_key(model, statuses, sentence):
    with serving(model, statuses=statuses) as server:
        client = server.client(attempts=3, key=KEY)
        with pytest.raises(RemoteError, match=sentence) as caught:
            remote_sample(client, [1, 50, 60], **DRAW)
    assert KEY not in str(caught.value)
    assert KEY not in repr(client)
    assert server.keys[0] == f"Bearer {KEY}"
    assert len(server.naps) < 3


def test_a_server_that_is_not_there():
    naps: list[float] = []
    client = Server("http://127.0.0.1:9", attempts=2, sleep=naps.append)
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:9 failed 2 times.*is it running\?"):
        remote_sample(client, [1, 2], **DRAW)
    assert naps == [1.0]


def test_bad_addresses_and_prompts_are_refused_before_asking(model):
    for url in ("localhost:8000", "ftp://x", "http://u:p@host", ""):
        with pytest.raises(RemoteError, match="is no address of a server"):
            Server(url)
    with pytest.raises(RemoteError, match=r"unencrypted; give an https URL"):
        Server("http://example.org", key=KEY)
    with serving(model) as server, pytest.raises(PromptError, match="ask for fewer"):
        sample_remotely(model, server.url, PROMPT, **DRAW | {"max_new_tokens": 60})
    assert server.asked == []
