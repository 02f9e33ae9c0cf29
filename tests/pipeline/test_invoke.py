from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from stagewire.limits import BODY_BYTES
from stagewire_pipeline.command import main

CSV = {"Content-Type": "text/csv"}
# How AWS words what does not fit between two containers.
HOP = (
    "Received response from a with status code 200. However, the request payload from a to b is "
    "6000000 bytes, which has exceeded the maximum limit of 5 MB."
)
FILE = "size,kind\n" + "".join(f"{i},k{i}\n" for i in range(100))


class Server(ThreadingHTTPServer):
    """SageMaker Runtime on the wire, answering by a function of the request's number and body."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.lock = threading.Lock()
        self.bodies = []

    def handle_error(self, request, client_address):
        """Say nothing of callers that hung up."""


class Handler(BaseHTTPRequestHandler):
    """Answers InvokeEndpoint."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Ask the function; None closes the connection without an answer."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with self.server.lock:
            self.server.bodies.append(body)
            number = len(self.server.bodies) - 1
        found = self.server.answer(number, body)
        if found is None:
            self.close_connection = True
            return
        status, headers, answer = found
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def served(answer):
    """Serve a function on a real socket."""
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def named(number, body):
    """Answer as our stages answer rows with a header."""
    header, *rows = body.splitlines()
    lines = [f"{header},prediction", *(f"{row},{row.split(',')[0]}.5" for row in rows)]
    return 200, CSV, "".join(f"{line}\n" for line in lines).encode()


def bare(number, body):
    """Answer as many a container does: a value a line, the header read and not repeated."""
    return 200, CSV, "".join(f"{row.split(',')[0]}.5\n" for row in body.splitlines()[1:]).encode()


def refusal(status, message, **more):
    """A ModelError."""
    told = {"Message": message, "OriginalStatusCode": status, "OriginalMessage": "", **more}
    return 424, {"x-amzn-ErrorType": "ModelError"}, json.dumps(told).encode()


def fault(status, kind):
    """An error of the platform itself."""
    return status, {"x-amzn-ErrorType": kind}, json.dumps({"Message": "not now"}).encode()


@pytest.fixture
def invoke(tmp_path):
    """Send a text by the command; returns its end and, as text, what stands in --out."""

    def run(server, *options, text=FILE, name="rows.csv"):
        rows, out = tmp_path / name, tmp_path / "out"
        rows.write_text(text)
        url = f"http://127.0.0.1:{server.server_port}"
        command = ["invoke", "any", str(rows), "--endpoint-url", url, "--out", str(out)]
        ended = CliRunner().invoke(main, [*command, "--chunk", "200", *options], obj={})
        return ended, out.read_text() if out.exists() else None

    return run


def test_a_file_of_several_requests_is_answered_as_one(invoke):
    """Each request has the header and whole rows, the answer has one header and every row in order."""
    with served(named) as server:
        ended, answer = invoke(server)

    assert ended.exit_code == 0, ended.stderr
    assert answer == named(0, FILE)[2].decode()
    assert all(body.startswith("size,kind\n") and len(body) <= 210 for body in server.bodies)
    assert "100 rows in" in ended.stderr


def test_a_small_file_is_one_request_of_the_same_bytes(invoke):
    """Nothing is read into what fits into a chunk."""
    text = '\n"a\r\n'

    with served(lambda number, body: (200, CSV, body.encode())) as server:
        ended, _ = invoke(server, text=text)

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert server.bodies == [text]


def test_a_container_that_drops_the_header_gets_it_with_every_request(invoke):
    """One answer fewer than records shows that the first was no row."""
    with served(bare) as server:
        ended, answer = invoke(server)

    assert ended.exit_code == 0, ended.stderr
    assert answer == bare(0, FILE)[2].decode()


def test_rows_without_a_header_are_sent_as_they_are(invoke):
    """One answer a record shows that the first was a row."""
    text = FILE.partition("\n")[2]

    with served(lambda number, body: bare(number, "\n" + body)) as server:
        ended, answer = invoke(server, "--concurrency", "1", text=text)

    assert ended.exit_code == 0, ended.stderr
    assert "".join(server.bodies) == text
    assert answer == bare(0, FILE)[2].decode()


def test_no_more_requests_at_once_than_asked_for(invoke):
    """With three allowed three come together, never four; the answers keep the file's order."""
    now, most, three = [], [], threading.Barrier(3)

    def answer(number, body):
        now.append(number)
        most.append(len(now))
        if 1 <= number <= 3:
            three.wait(30)
        now.remove(number)
        return named(number, body)

    with served(answer) as server:
        ended, found = invoke(server, "--concurrency", "3")

    assert ended.exit_code == 0, ended.stderr
    assert max(most) == 3
    assert found == named(0, FILE)[2].decode()


BUSY = {
    "a busy container": refusal(503, "busy"),
    "throttling": fault(400, "ThrottlingException"),
    "no capacity": fault(503, "ServiceUnavailable"),
    "not ready": fault(429, "ModelNotReadyException"),
    "a lost connection": None,
}


@pytest.mark.parametrize("case", BUSY)
def test_what_may_pass_is_tried_again(invoke, case):
    """A busy or lost endpoint is asked once more, and no row is lost or doubled."""
    with served(lambda n, body: BUSY[case] if n in {0, 3} else named(n, body)) as server:
        ended, answer = invoke(server)

    assert ended.exit_code == 0, ended.stderr
    assert answer == named(0, FILE)[2].decode()


def test_a_refusal_is_final_and_says_where_and_what_was_written(invoke):
    """A 4xx is sent once; the lines, and the whole answers before them, are named."""
    rows = [{"row": 2, "column": "size", "value": "x", "reason": "is not a number"}]
    told = {"code": "bad_rows", "message": "1 of 9", "stage": "featurizer", "rows": rows}
    text = FILE.replace("\n70,", "\nx,")

    def answer(number, body):
        if "\nx," not in body:
            return named(number, body)
        place = body.splitlines().index("x,k70") - 1
        original = {"error": {**told, "rows": [{**rows[0], "row": place}]}}
        return refusal(422, "no", OriginalMessage=json.dumps(original))

    with served(answer) as server:
        ended, found = invoke(server, "--concurrency", "1", text=text)

    assert ended.exit_code == 1
    assert sum("\nx," in body for body in server.bodies) == 1
    assert named(0, FILE)[2].decode().startswith(found)
    assert f"answers to the first {len(found.splitlines()) - 1} rows" in ended.stderr
    assert ended.stderr.splitlines()[-1].split()[:4] == ["70", "72", "size", "x"]
    assert "lines" in ended.stderr


def test_an_endpoint_that_dies_midway_leaves_whole_answers(invoke):
    """When tries are used up the command ends with 1 and says how far it came."""
    with served(lambda n, body: named(n, body) if n < 3 else None) as server:
        ended, found = invoke(server, "--tries", "2", "--concurrency", "1")

    assert ended.exit_code == 1
    assert server.bodies[3] == server.bodies[4]
    assert "onnection" in ended.stderr
    assert named(0, FILE)[2].decode().startswith(found)
    assert found.endswith("\n")


def test_what_is_too_large_is_sent_in_halves(invoke):
    """Features may be wider than rows: where a hop is too narrow, chunks are cut until they pass."""

    def answer(number, body):
        return refusal(200, HOP) if len(body) > 60 else named(number, body)

    with served(answer) as server:
        ended, found = invoke(server, "--concurrency", "1")

    assert ended.exit_code == 0, ended.stderr
    assert found == named(0, FILE)[2].decode()
    # Only what was cut before the first refusal, and its halves, is refused.
    assert sum(len(body) > 60 for body in server.bodies) <= 8


def test_one_row_that_is_too_large_is_named(invoke):
    """What cannot be halved is refused by its line."""
    with served(lambda n, body: refusal(200, HOP) if "k50" in body else named(n, body)) as server:
        ended, _ = invoke(server)

    assert ended.exit_code == 1
    assert "lines 52 to 52 of the file" in ended.stderr
    assert "maximum limit of 5 MB" in ended.stderr


def test_a_model_that_is_too_slow_for_a_chunk_is_told_of_smaller_ones(invoke):
    """The platform gives a container 60 s; the option that shortens a request is named."""
    slow = refusal(0, "Your invocation timed out while waiting for a response from container b.")

    with served(lambda number, body: slow) as server:
        ended, _ = invoke(server)

    assert ended.exit_code == 1
    assert "send less at once by --chunk" in ended.stderr.replace("\n", " ")


REFUSED = {
    "one JSON value": (lambda n, b: (200, {"Content-Type": "application/json"}, b"[1]"), FILE, "--accept"),
    "too few answers": (lambda n, b: (200, CSV, b"1,2,3\n"), FILE.partition("\n")[2], "one request only"),
    "no telling": (lambda n, b: (200, CSV, b"1\n" * b.count("\n")), FILE, "header=present"),
    "other columns": (
        lambda n, b: named(n, b.replace("kind", "sort") if n else b),
        FILE,
        "size,sort,prediction here and were size,kind,prediction before",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_answers_that_cannot_be_joined_are_refused(invoke, case):
    """What would lose or double a row ends the command instead."""
    answer, text, told = REFUSED[case]

    with served(answer) as server:
        ended, _ = invoke(server, text=text)

    assert ended.exit_code == 1
    assert told in ended.stderr.replace("\n", " ")


def test_json_lines_are_cut_at_line_ends(invoke):
    """An object a line in, an object a line out; asked for as CSV, they have one header."""
    text = "".join(json.dumps({"size": i}) + "\n" for i in range(50))

    def answer(number, body):
        rows = [json.loads(line)["size"] for line in body.splitlines()]
        return 200, CSV, "".join(["size,prediction\n", *(f"{i},{i}.5\n" for i in rows)]).encode()

    with served(
        lambda n, body: (200, {"Content-Type": "application/jsonlines"}, body.encode())
    ) as server:
        same, mirrored = invoke(server, text=text, name="rows.jsonl")
    with served(answer) as server:
        other, table = invoke(server, "--accept", "text/csv", text=text, name="rows.jsonl")

    assert (same.exit_code, mirrored) == (0, text)
    assert (other.exit_code, table) == (0, answer(0, text)[2].decode())


def test_the_policy_for_bad_rows_goes_on_the_content_type(invoke):
    """--bad-rows joins the other parameters, and under `drop` fewer answers are right."""
    kinds = []

    def answer(number, body):
        header, *rows = body.splitlines()
        return (
            200,
            CSV,
            "".join(f"{line}\n" for line in [f"{header},prediction", *rows[::2]]).encode(),
        )

    class Noting(Handler):
        def do_POST(self):
            kinds.append(self.headers["Content-Type"])
            super().do_POST()

    with served(answer) as server:
        server.RequestHandlerClass = Noting
        ended, found = invoke(
            server, "--bad-rows", "drop", "--content-type", "text/csv; header=present"
        )

    assert ended.exit_code == 0, ended.stderr
    assert set(kinds) == {"text/csv; header=present; bad-rows=drop"}
    assert found.count("prediction") == 1


def test_ctrl_c_leaves_whole_answers_and_waits_for_none(tmp_path, environ):
    """An interrupted command says what was written and ends though a request is out."""
    held, free = threading.Event(), threading.Event()
    rows, out = tmp_path / "rows.csv", tmp_path / "out"
    rows.write_text(FILE)

    def answer(number, body):
        if number == 3:
            held.set()
            free.wait(300)
        return named(number, body)

    with served(answer) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        command = ["invoke", "any", str(rows), "--endpoint-url", url, "--out", str(out)]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "stagewire_pipeline",
                *command,
                "--chunk",
                "200",
                "--concurrency",
                "1",
            ],
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert held.wait(60)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        free.set()  # only now can the request that is out be answered

    assert process.returncode == 1
    assert "the answers to the first" in told
    assert "Traceback" not in told
    assert named(0, FILE)[2].decode().startswith(out.read_text())


def test_one_value_beyond_the_limit_is_refused_before_it_is_sent(invoke, tmp_path):
    """JSON cannot be cut; the command says which types can."""
    with served(named) as server:
        path = tmp_path / "rows.json"
        path.touch()
        os.truncate(path, BODY_BYTES + 1)
        url = f"http://127.0.0.1:{server.server_port}"
        ended = CliRunner().invoke(
            main, ["invoke", "any", str(path), "--endpoint-url", url], obj={}
        )

    assert ended.exit_code == 1
    assert "text/csv or application/jsonlines" in ended.stderr
    assert server.bodies == []


WRONG = {
    "an answer that cannot be joined": (["--accept", "application/x-npy"], 1, "cannot be joined"),
    "no media type": (["--content-type", "csv"], 1, "not a media type"),
    "no policy": (["--bad-rows", "keep"], 2, "'fail', 'null', 'drop'"),
    "no folder": (["--out", "none/out.csv"], 2, "folder that does not exist"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_explained_before_anything_is_sent(invoke, case):
    """Each names what is wrong; no request is made."""
    options, code, told = WRONG[case]

    with served(named) as server:
        ended, _ = invoke(server, *options)

    assert ended.exit_code == code
    assert told in ended.stderr.replace("\n", " ")
    assert server.bodies == []


def test_what_is_sent_is_not_written_over(tmp_path):
    """--out and FILE may not be one file."""
    rows = tmp_path / "rows.csv"
    rows.write_text(FILE)

    ended = CliRunner().invoke(main, ["invoke", "any", str(rows), "--out", str(rows)], obj={})

    assert (ended.exit_code, rows.read_text()) == (2, FILE)
