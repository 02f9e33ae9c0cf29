from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from stagewire_pipeline import caller, load
from stagewire_pipeline.command import main

NAMES = "size,kind\n"
ROWS = "".join(f"{i},k{i}\n" for i in range(30))


@contextmanager
def served(answer):
    """Serve a function of a body on a real socket, keeping connections; hands out what came."""

    class Handler(BaseHTTPRequestHandler):
        """Answers POST with a status and a body, or hangs up where there is none."""

        protocol_version = "HTTP/1.1"

        def do_POST(self):
            """Ask the function."""
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.path, dict(self.headers), body))
            found = answer(body)
            if found is None:
                self.close_connection = True
                return
            self.send_response(found[0])
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(found[1])))
            self.end_headers()
            self.wfile.write(found[1].encode())

        def log_message(self, *_):
            """Say nothing."""

    seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def good(body):
    """Answer as our stages do: a header for a header, else a value a line."""
    header, *rows = body.splitlines()
    if header != NAMES.strip():
        return 200, "1.5\n" * (1 + len(rows))
    return 200, "".join([f"{header},prediction\n", *(f"{row},1.5\n" for row in rows)])


@pytest.fixture
def bench(tmp_path):
    """Run the command on a file of rows, a fifth of a second each."""

    def run(where, *options, text=NAMES + ROWS, name="rows.csv"):
        file = tmp_path / name
        file.write_text(text)
        command = ["bench", where, str(file), "--seconds", "0.2", *options]
        return CliRunner().invoke(main, command, obj={})

    return run


def test_each_number_of_rows_and_clients_is_measured(bench):
    """A cell each, in order, with latencies, rates and no errors."""
    with served(good) as (url, _):
        ended = bench(url, "--rows", "1,40", "--clients", "1,3", "--json")

    found = json.loads(ended.stdout)
    assert [(each["rows"], each["clients"]) for each in found] == [(1, 1), (1, 3), (40, 1), (40, 3)]
    assert all(each["errors"] == {} and each["requests"] > 0 for each in found)
    assert all(0 < each["p50_ms"] <= each["p99_ms"] for each in found)
    assert all(
        each["rows_per_second"] == each["rows"] * each["requests_per_second"] for each in found
    )


@pytest.mark.parametrize(("text", "records"), [(NAMES + ROWS, 5), (ROWS, 4)])
def test_each_request_has_so_many_rows_of_the_file_and_the_header_where_one_is(
    bench, text, records
):
    """What line 1 is, the endpoint's answer tells; batches differ."""
    with served(good) as (url, seen):
        ended = bench(f"{url}/any?x=1", "--rows", "4", "--clients", "1", text=text)

    bodies = {body for _, _, body in seen[1:]}
    assert ended.exit_code == 0, ended.stderr
    assert {path for path, _, _ in seen} == {"/any?x=1"}
    assert all(body.count("\n") == records for body in bodies)
    assert all(body.startswith(NAMES) == (records == 5) for body in bodies)
    assert len(bodies) == min(7, len(seen) - 1)


def test_a_name_is_called_where_boto3_would_call_it_and_signed(bench):
    """The path of InvokeEndpoint, and a signature over the body."""
    with served(good) as (url, seen):
        ended = bench("mine", "--endpoint-url", url, "--rows", "1", "--clients", "1")

    assert ended.exit_code == 0, ended.stderr
    assert {path for path, _, _ in seen} == {"/endpoints/mine/invocations"}
    assert all(
        headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=local/")
        and "/us-east-1/sagemaker/aws4_request" in headers["Authorization"]
        for _, headers, _ in seen
    )


def test_errors_are_counted_and_told_and_are_no_latencies(bench):
    """Of answers that are no 200, and of lost connections, the table says how many and what."""
    turns = iter([*[True] * 2, *[False] * 10_000])

    def answer(body):
        return good(body) if next(turns) else (503, "full")

    with served(answer) as (url, _):
        ended = bench(url, "--rows", "1", "--clients", "1")

    assert ended.exit_code == 0, ended.stderr
    assert "times: 503: full" in ended.stdout
    assert ended.stdout.splitlines()[0].split()[:2] == ["rows", "clients"]


def test_a_connection_that_is_lost_is_an_error_and_is_opened_again():
    """One request is lost, the next one is answered over a new connection."""
    turns = iter([None, *[(200, "1\n")] * 10_000])
    cell = load.Cell(rows=1, clients=1)

    with served(lambda body: next(turns)) as (url, _):
        port = int(url.rpartition(":")[2])
        address = caller.Address("127.0.0.1", port, tls=False, path="/")
        requests = [address.request(b"x", {})]
        asyncio.run(load.measure(address, requests, cell, seconds=0.5))

    assert cell.errors.total() == 1
    assert "connection was closed" in next(iter(cell.errors))
    assert cell.took


WRONG = {
    "no such host": (["http://127.0.0.1:1"], {}, 1, "does not answer"),
    "no URL": (["ftp://x/y"], {}, 1, "no URL such as"),
    "bad port": (["http://x:99999/"], {}, 1, "no URL such as"),
    "no numbers": (["http://127.0.0.1:1", "--rows", "1,a"], {}, 2, "numbers from 1 on"),
    "no rows": (["http://127.0.0.1:1"], {"text": "\n"}, 1, "holds no rows"),
    "one value": (["http://127.0.0.1:1"], {"name": "rows.json"}, 1, "no rows to count"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_explained(bench, case):
    """Each ends with its code and says what is wrong."""
    arguments, file, code, told = WRONG[case]

    ended = bench(*arguments, **file)

    assert ended.exit_code == code
    assert told in ended.stderr.replace("\n", " ")


def test_rows_that_the_endpoint_refuses_are_not_measured(bench):
    """The first answer is shown instead of a table of errors."""
    with served(lambda body: (424, "no such column")) as (url, seen):
        ended = bench(url)

    assert ended.exit_code == 1
    assert "answered 424: no such column" in ended.stderr
    assert len(seen) == 1
