"""`stagewire invoke` with a file of many requests: cut, sent and joined, whatever the file."""

from __future__ import annotations

import json
import os
import threading

import pytest
from click.testing import CliRunner
from runtime_server import CSV, FILE, Handler, bare, named, served

from stagewire.limits import BODY_BYTES
from stagewire_pipeline.command import main


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
        def do_POST(self):  # noqa: N802 (as http.server calls it)
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
