"""The judge against a real OpenAI-compatible server over the specimen, which cannot judge.

`transformers serve` ignores logprobs with a 200, revises the model's name and answers whatever the
specimen says: nothing of that may become a verdict.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen

import pytest

from microtome.data.graders import grader
from microtome.data.judge import Endpoint, Judge, LocalModel, Retries, judge_pairs, outstanding
from microtome.data.judge.question import Message
from microtome.errors import JudgeError
from microtome.specimens import world
from microtome.studies.sampling.problems import TEMPLATE, oracles, specimen_problems

pytestmark = [pytest.mark.medium, pytest.mark.timeout(7200)]
for package in ("fastapi", "uvicorn", "openai"):
    pytest.importorskip(package, reason=f"transformers serve needs {package}")

PLAIN = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
TALKATIVE = PLAIN + " Problem: Ada counts 7 coins, is given 8 more and then loses 5. Solution:"


@dataclass(frozen=True)
class Server:
    """Its address and its models: one says what it likes, the other always solves a problem."""

    url: str
    plain: Path
    talkative: Path

    def endpoint(self, model: Path, max_tokens: int = 100) -> Endpoint:
        once = Retries(most=1, first=0.01, deadline=7000.0)
        return Endpoint(str(model), self.url, max_tokens=max_tokens, timeout=3600.0, retries=once)


def with_template(folder: Path, template: str) -> Path:
    folder.mkdir()
    for path in world.folder().iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("served")
    plain = with_template(root / "plain", PLAIN)
    talkative = with_template(root / "talkative", TALKATIVE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, env=environment, cwd=root
        )
    try:
        await_health(process, port, root / "log")
        yield Server(f"http://127.0.0.1:{port}/v1", plain, talkative)
    finally:
        process.kill()
        process.wait()


def await_health(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers or ends; pytest's limit bounds the wait."""
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=60):
                return
        except OSError:
            time.sleep(0.2)


def greedy(model: Any, tokenizer: Any, text: str) -> str:
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    said = model.generate(ids, max_new_tokens=100, do_sample=False)[0, ids.shape[1] :]
    return str(tokenizer.decode(said, skip_special_tokens=True))


@pytest.fixture(scope="module")
def here() -> Callable[[str], LocalModel]:
    """The same weights in this process, behind a template."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(world.folder())
    tokenizer = AutoTokenizer.from_pretrained(world.folder())

    def behind(template: str) -> LocalModel:
        def chat(messages: Sequence[Message]) -> str:
            text = f"<bos>{messages[0]['content']}{template.removeprefix(PLAIN)}"
            return greedy(model, tokenizer, text)

        return LocalModel(chat, template)

    return behind


def test_the_servers_words_are_the_models(
    server: Server, here: Callable[[str], LocalModel]
) -> None:
    for problem in specimen_problems(3):
        messages = ({"role": "user", "content": problem.prompt(TEMPLATE)},)
        there = server.endpoint(server.plain).ask(messages, Event())
        assert there.text == here(PLAIN).ask(messages, Event()).text
        assert there.tokens == ()
        assert grader("boxed").grade(there.text, problem.answer).correct


def test_a_specimen_is_no_judge(
    server: Server, here: Callable[[str], LocalModel], tmp_path: Path
) -> None:
    problem = specimen_problems(1, n_methods=3)[0]
    one, other, third = oracles(problem).values()
    pairs = [(problem.problem, one, other), (problem.problem, other, third)]
    judge = Judge(server.endpoint(server.talkative), 2, tmp_path)
    verdicts = judge_pairs(judge, pairs)
    assert {answer.label for verdict in verdicts for answer in verdict.orders} == {"unclear"}
    assert all(answer.reply for verdict in verdicts for answer in verdict.orders)
    assert outstanding(judge, pairs) == 0
    locally = judge_pairs(Judge(here(TALKATIVE)), pairs)
    assert [verdict.label for verdict in locally] == ["unclear", "unclear"]


def test_what_the_server_cannot_do_is_said(server: Server, tmp_path: Path) -> None:
    pair = ("2 + 3?", "5", "five")
    with pytest.raises(JudgeError, match="no content"):
        Judge(server.endpoint(server.plain)).distinct(*pair)
    with pytest.raises(JudgeError, match="max_tokens = 8 before its verdict"):
        Judge(server.endpoint(server.talkative, max_tokens=8)).distinct(*pair)
    with pytest.raises(JudgeError) as caught:
        Judge(server.endpoint(tmp_path / "nowhere")).distinct(*pair)
    assert "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)
