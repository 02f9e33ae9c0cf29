from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from stagewire_pipeline.command import main
from stagewire_pipeline.endpoint import Endpoint, address, refusal
from stagewire_pipeline.errors import EndpointError, RefusalError

ROWS = [{"row": 1, "column": "size", "value": "abc", "reason": "is not a number"}]
OURS = {"code": "bad_rows", "message": "1 bad row", "stage": "featurizer", "rows": ROWS}
MODEL_ERROR = {
    "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
    "LogStreamArn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/x",
    "Message": 'Received client error (422) from container-1 with message "..."',
    "OriginalMessage": json.dumps({"error": {**OURS, "bad_row_count": 3}}),
    "OriginalStatusCode": 422,
}


class Runtime(BaseHTTPRequestHandler):
    """SageMaker Runtime on the wire: `good` echoes, others answer an error by their name."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Answer InvokeEndpoint."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.split("/")[2]
        if name == "good":
            self.answer(200, body, {"Content-Type": self.headers["Content-Type"]})
        elif name == "gone":
            told = {"Message": "Endpoint gone of account 123456789012 not found."}
            self.answer(400, json.dumps(told).encode(), {"x-amzn-ErrorType": "ValidationError"})
        else:
            foreign = {"OriginalMessage": "<html>no</html>"} if name == "foreign" else {}
            told = json.dumps({**MODEL_ERROR, **foreign}).encode()
            self.answer(424, told, {"x-amzn-ErrorType": "ModelError"})

    def answer(self, status, body, headers):
        """Write one response."""
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def url():
    """A runtime on a real socket."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Runtime) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_rows_go_out_and_come_back_without_any_credentials(url):
    """A loopback URL needs neither credentials nor a region."""
    answer = Endpoint("good", url=url, environ={}).invoke(b"1,2", content_type="text/csv")

    assert (answer.body, answer.content_type) == (b"1,2", "text/csv")


def test_a_refusal_names_stage_status_and_cells(url):
    """A ModelError whose original message is ours is read to the cell."""
    with pytest.raises(RefusalError, match="'featurizer' answered 422: 1 bad row") as caught:
        Endpoint("bad", url=url, environ={}).invoke(b"x", content_type="text/csv")

    assert caught.value.refusal.rows == tuple(ROWS)
    assert caught.value.refusal.bad_rows == 3


def test_a_refusal_that_the_platform_cut_off_keeps_its_whole_rows():
    """Of OriginalMessage 2,048 characters come; the rows that are whole in them are shown."""
    rows = [{**ROWS[0], "row": number} for number in range(100)]
    error = {"message": "no", "stage": "featurizer", "bad_row_count": 3000, "rows": rows}
    told = json.dumps({"error": error})[:2048]

    found = refusal({"OriginalStatusCode": 422, "OriginalMessage": told, "Error": {}})

    assert (found.stage, found.bad_rows) == ("featurizer", 3000)
    assert found.rows == tuple(rows[: len(found.rows)])
    assert len(found.rows) > 10


def test_a_strangers_refusal_keeps_the_platforms_words(url):
    """A ModelError of a container that is not ours shows the platform's message."""
    with pytest.raises(RefusalError, match="answered 422: Received client error"):
        Endpoint("foreign", url=url, environ={}).invoke(b"x", content_type="text/csv")


def test_an_unknown_endpoint_and_a_closed_door_are_told_apart(url):
    """The platform's own error keeps its class; a refused connection says how to start a door."""
    with pytest.raises(EndpointError, match="ValidationError: Endpoint gone"):
        Endpoint("gone", url=url, environ={}).invoke(b"x", content_type="text/csv")
    with pytest.raises(EndpointError, match="stagewire local up"):
        Endpoint("good", url="http://127.0.0.1:1", environ={}).invoke(b"x", content_type="text/csv")


def test_the_nearest_address_wins():
    """Option, port, the service's key, the general key, AWS: in this order."""
    both = {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://a", "AWS_ENDPOINT_URL": "http://b"}

    assert address("http://c", environ=both, port=1) == "http://c"
    assert address(None, environ=both, port=9) == "http://127.0.0.1:9"
    assert address(None, environ=both) == "http://a"
    assert address(None, environ={"AWS_ENDPOINT_URL": "http://b"}) == "http://b"
    assert address(None, environ={}) is None


def test_invoke_prints_the_answer_and_shows_a_refusal_as_a_table(url, tmp_path):
    """The command answers 0 with the body, or 1 with the cells at fault on stderr."""
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b"1,2\n")
    runner = CliRunner()

    good = runner.invoke(main, ["invoke", "good", str(rows), "--endpoint-url", url], obj={})
    bad = runner.invoke(main, ["invoke", "bad", "-", "--endpoint-url", url], input="x", obj={})

    assert (good.exit_code, good.stdout) == (0, "1,2\n")
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert "size" in bad.stderr
    assert "2 more rows" in bad.stderr
