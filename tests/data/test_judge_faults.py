"""A server that fails: bounded retries, one sentence, answers that came are kept, no key leaks."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from microtome.data.judge import Endpoint, Judge, Key, Retries, find_key, judge_pairs, outstanding
from microtome.data.judge.retries import retry_after
from microtome.errors import JudgeError
from tests.data import faulty as server_of
from tests.data.faulty import Fault, Request, closed_url, faulty, good, reply, says, send, status

PAIR = ("2 + 3 + 4?", "2+3=5, then 5+4=9.", "3+4=7, then 2+7=9.")
CANARY = "sk-canary-7f3e9a51c0ffee"


def at(url: str, cache: Path | None = None, **changed: Any) -> Judge:
    retries = Retries(most=2, first=0.01, deadline=5000.0)
    return Judge(
        Endpoint("judge/x", url, **{"timeout": 500.0, "retries": retries} | changed), 1, cache
    )


class Waits(Event):
    """Notes how long it was asked to wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout or 0.0)
        return False


def sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert "judge/x at 127.0.0.1" in text
    return text


PASSING: dict[str, tuple[Fault, str]] = {
    "reset": (server_of.reset, "connection failed"),
    "too many": (status(429, Retry_After="0"), "429"),
    "broken": (status(500, {"error": {"message": "on fire"}}), "500: on fire"),
    "gateway": (status(502, "<html>bad</html>"), "502"),
    "busy": (status(503), "503"),
    "overloaded": (status(529), "529"),
    "flood": (server_of.flood, "longer than 16 MiB"),
    "cut": (server_of.cut, "connection failed"),
    "cut JSON": (server_of.cut_json, "no whole JSON"),
    "no choice": (says(lambda request: "x", choices=[]), "no choice"),
    "no content": (says(lambda request: None), "no content"),
    "error in 200": (status(200, {"error": {"code": 502, "message": "upstream"}}), "502: upstream"),
    "broke off": (
        says(
            lambda request: "x",
            choices=[{"message": {"content": "x"}, "finish_reason": "error"}],
        ),
        "broke off",
    ),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_tried_again_and_not_for_ever(name: str) -> None:
    fault, said = PASSING[name]
    with faulty(fault, fault, good()) as server:
        assert at(server.url).distinct(*PAIR).label == "same"
        assert len(server.requests) == 4
    with faulty(fault) as server:
        with pytest.raises(JudgeError, match="failed 3 times") as caught:
            at(server.url).distinct(*PAIR)
        assert said in sentence(caught.value)
        assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [server_of.hang(3600), server_of.drip, server_of.drip_headers])
def test_a_server_that_takes_for_ever_is_left(fault: Fault) -> None:
    """Not to leave it means to run into pytest's limit."""
    once = Retries(most=1, first=0.01)
    with faulty(fault) as server:
        with pytest.raises(JudgeError, match=r"failed 2 times.* within 0\.3 s") as caught:
            at(server.url, timeout=0.3, retries=once).distinct(*PAIR)
        sentence(caught.value)
        assert len(server.requests) <= 2


def test_the_deadline_bounds_all_attempts_together() -> None:
    retries = Retries(most=10_000, first=0.01, deadline=0.5)
    with (
        faulty(server_of.hang(3600)) as server,
        pytest.raises(JudgeError, match=r"deadline of 0\.5 s"),
    ):
        at(server.url, timeout=0.2, retries=retries).distinct(*PAIR)


def test_refused() -> None:
    with pytest.raises(
        JudgeError, match="failed 3 times, at last because the connection"
    ) as caught:
        at(closed_url()).distinct(*PAIR)
    sentence(caught.value)


def test_an_oracle_is_not_called_a_judge() -> None:
    server = Endpoint("m", closed_url(), role="oracle", retries=Retries(most=0))
    with pytest.raises(JudgeError, match="The oracle m at "):
        server.ask([{"role": "user", "content": "?"}])


FINAL: dict[str, tuple[Fault, str]] = {
    "redirect": (status(302, Location="http://elsewhere.invalid/v1"), "not followed"),
    "wants a key": (status(401, {"error": "who are you"}), "401: who are you"),
    "forbidden": (status(403), "a request without a key"),
    "no money": (status(402, {"error": {"message": "insufficient credits"}}), "credits"),
    "no such model": (status(404, {"detail": "no model"}), "404: no model"),
    "no log-probabilities": (status(400, "logprobs unsupported"), "set logprobs to false"),
    "another schema": (status(200, {"completion": "VERDICT"}), "another schema"),
    "a list": (status(200, [1, 2]), "another schema"),
    "no message": (says(lambda request: "", choices=[{"text": "x"}]), "no message"),
    "two choices": (says(lambda request: "x", choices=[{}, {}]), "2 choices"),
    "another model": (says(lambda request: "x", model="cheap/y"), "'cheap/y' answered"),
    "limit ignored": (says(lambda r: "x", usage={"completion_tokens": 9999}), "ignores it"),
    "error in 200": (status(200, {"error": {"code": 400, "message": "bad"}}), "bad"),
    "cut short": (
        says(
            lambda request: "",
            choices=[{"message": {"content": "Well"}, "finish_reason": "length"}],
        ),
        "allow more",
    ),
}


@pytest.mark.parametrize("name", FINAL)
def test_what_would_repeat_itself_is_said_at_once(name: str, tmp_path: Path) -> None:
    fault, said = FINAL[name]
    with faulty(fault, good()) as server:
        with pytest.raises(JudgeError) as caught:
            at(server.url, tmp_path).distinct(*PAIR)
        assert said in sentence(caught.value)
        assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "row",
    [None, 3, {"token": 1}, {"token": "x", "logprob": "low"}, {"token": "x", "logprob": None}],
)
def test_log_probabilities_that_are_none_leave_the_text(row: Any) -> None:
    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        body = reply(request, f"VERDICT {server_of.nonce_of(request)} SAME")
        body["choices"][0]["logprobs"] = {"content": [row]}
        send(handler, 200, body)

    with faulty(answer) as server:
        verdict = at(server.url).distinct(*PAIR)
    assert (verdict.label, verdict.orders[0].read_by) == ("same", "text")


def test_retry_after_is_obeyed_within_the_deadline() -> None:
    waits = Waits()
    with faulty(status(429, Retry_After="7"), says(lambda request: "hi")) as server:
        endpoint = at(server.url).asked
        endpoint.ask(({"role": "user", "content": "x"},), waits)
    assert waits.asked == [7.0]
    with (
        faulty(status(429, Retry_After="36000"), good()) as server,
        pytest.raises(JudgeError, match=r"36000\.0 s would come after the deadline of 5000 s"),
    ):
        at(server.url).distinct(*PAIR)


def test_retry_after_in_all_its_forms() -> None:
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    before = datetime.now(UTC)
    wait = retry_after(format_datetime(then, usegmt=True))
    assert (then - datetime.now(UTC)) <= timedelta(seconds=wait) <= then - before
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
    assert retry_after("7") == 7
    assert retry_after("0.5") == 0.5
    for nothing in (None, "", "soon", "-3", "nan", "1e9", past, "²"):
        assert retry_after(nothing) == 0


def test_answers_that_came_are_kept_when_the_server_dies(tmp_path: Path) -> None:
    pairs = [("p", str(i), "x") for i in range(5)]
    with faulty(good(), good(), good(), status(500)) as server:
        with pytest.raises(JudgeError, match="run again"):
            judge_pairs(at(server.url, tmp_path), pairs)
        assert outstanding(at(server.url, tmp_path), pairs) == 7
        server.requests.clear()
        with pytest.raises(JudgeError, match="run again"):
            judge_pairs(at(server.url, tmp_path), [*pairs[2:], *pairs])
    assert len(list(tmp_path.glob("*.json"))) == 6


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without .env, and an environment without a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    return tmp_path


def test_no_key_where_one_is_needed(nowhere: Path) -> None:
    with pytest.raises(JudgeError, match="needs a key: put OPENROUTER_API_KEY into"):
        Endpoint("deepseek/deepseek-r1-distill-qwen-32b")
    with pytest.raises(JudgeError, match="put MY_KEY into"):
        Endpoint("m", "https://judge.invalid/v1", key_name="MY_KEY")
    assert Endpoint("m", "http://127.0.0.1:1/v1").key is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"OPENROUTER_API_KEY={CANARY}", True),
        (f'export OPENROUTER_API_KEY = "{CANARY}" # mine', True),
        (f"  OPENROUTER_API_KEY='{CANARY}'", True),
        (f"OPENROUTER_API_KEY={CANARY} # mine", True),
        (f"# OPENROUTER_API_KEY={CANARY}", False),
        (f"OTHER_OPENROUTER_API_KEY={CANARY}", False),
        ("OPENROUTER_API_KEY=", False),
    ],
)
def test_the_key_in_a_file(nowhere: Path, line: str, found: bool) -> None:
    import os

    (nowhere / ".env").write_text(f"A=1\n\n{line}\nB\n")
    key = find_key("OPENROUTER_API_KEY")
    assert (key is not None and key.header() == {"Authorization": f"Bearer {CANARY}"}) == found
    assert "OPENROUTER_API_KEY" not in os.environ


def test_the_environment_comes_before_the_file(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / ".env").write_text("OPENROUTER_API_KEY=from-file")
    monkeypatch.setenv("OPENROUTER_API_KEY", CANARY)
    key = Endpoint("m").key
    assert key is not None
    assert key.header()["Authorization"].endswith(CANARY)


def test_a_key_goes_to_its_host_alone(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", CANARY)
    assert Endpoint("m", "https://other.invalid/v1").key is None
    assert Endpoint("m", "https://openrouter.ai.evil.invalid/v1").key is None
    with pytest.raises(JudgeError, match="unencrypted"):
        Endpoint("m", "http://openrouter.ai/api/v1")
    with faulty(good()) as other:
        location = f"{other.url}/chat/completions"
        with faulty(status(307, Location=location)) as server:
            judge = at(server.url, key=Key(CANARY))
            with pytest.raises(JudgeError, match="not followed"):
                judge.distinct(*PAIR)
            assert server.headers[0]["authorization"] == f"Bearer {CANARY}"
        assert other.requests == []
    with faulty(good()) as server:
        at(server.url).distinct(*PAIR)
        assert "authorization" not in server.headers[0]


def test_a_key_shows_nowhere() -> None:
    import copy
    import dataclasses
    import pickle

    endpoint = Endpoint("m", "http://127.0.0.1:1/v1", key=Key(CANARY))
    for shown in (repr(endpoint), str(endpoint.key), json.dumps(endpoint.identity), f"{endpoint}"):
        assert CANARY not in shown
    for copied in (pickle.dumps, copy.deepcopy, dataclasses.asdict):
        with pytest.raises(TypeError, match="neither copied nor stored"):
            copied(endpoint)
    for bad in ("", "abc", f"{CANARY}\n", f"{CANARY} x", "schlüssel"):
        with pytest.raises(JudgeError, match="copy it again") as caught:
            Key(bad)
        assert CANARY not in str(caught.value)


def leak(where: str) -> Fault:
    """A server that says the key back."""

    def answer(handler: BaseHTTPRequestHandler, request: Request) -> None:
        key = handler.headers["Authorization"].removeprefix("Bearer ")
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in key)
        if where == "status":
            send(handler, 400, {"error": {"message": f"bad key {key}"}})
        elif where == "busy":
            send(handler, 503, {"error": f"busy with {key}"})
        elif where == "location":
            send(handler, 301, "", Location=f"http://x.invalid/?key={key}")
        elif where == "escaped":
            send(handler, 200, json.dumps(reply(request, "@")).replace("@", escaped))
        elif where == "tokens":
            body = reply(request, key)
            rows = [{"token": part, "logprob": -0.1} for part in (key[:9], key[9:])]
            body["choices"][0]["logprobs"] = {"content": rows}
            send(handler, 200, body)
        else:
            send(handler, 200, reply(request, f"{key} is the key", model=f"x {key}"))

    return answer


@pytest.mark.parametrize("where", ["status", "busy", "location", "escaped", "tokens", "reply"])
def test_a_key_that_the_server_says_back_is_not_written(
    where: str, nowhere: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    said = ""
    with faulty(leak(where)) as server:
        judge = at(server.url, nowhere / "answers", key=Key(CANARY))
        try:
            said = repr(judge.distinct(*PAIR))
        except JudgeError as error:
            said = str(error)
        assert CANARY in server.headers[0]["authorization"]
    out, err = capfd.readouterr()
    for text in (said, caplog.text, out, err, repr(judge)):
        assert CANARY not in text
        assert CANARY[9:] not in text
    written = [path.read_text() for path in nowhere.rglob("*") if path.is_file()]
    assert len(written) == (2 if where in ("escaped", "tokens", "reply") else 0)
    assert not any(CANARY[9:] in text for text in written)
