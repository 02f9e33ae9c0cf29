"""A file in many requests is answered as it is in one, by the real chain."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stagewire.codec.cells import quote
from stagewire.errors import CallerError
from stagewire.limits import BODY_BYTES
from stagewire.script import Context
from stagewire_pipeline import streaming
from stagewire_pipeline.command import main
from stagewire_pipeline.endpoint import Answer
from stagewire_pipeline.errors import EndpointError, Refusal, RefusalError

NAMES = "sex,length,diameter,height,whole_weight,shucked_weight,viscera_weight,shell_weight"
ROW = "M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15"
ROWS = [ROW.replace("455", f"{i:03d}").replace("M", "MFI"[i % 3]) for i in range(100, 200)]
BARE = "\n".join(ROWS)
NOTED = "\n".join([f"note,{NAMES}", *(f'"line {i}\nof ""{i}"", ",{r}' for i, r in enumerate(ROWS))])
OBJECTS = [dict(zip(NAMES.split(","), row.split(","), strict=True)) for row in ROWS]
NUMBERS = [{k: v if k == "sex" else float(v) for k, v in each.items()} for each in OBJECTS]
BAD = "\n".join([NAMES, *ROWS[:70], ROW.replace("0.365", "wide"), *ROWS[70:]])

# name -> (file, its suffix, options)
FILES = {
    "no header": (BARE, "csv", []),
    "header": (f"{NAMES}\n{BARE}\n", "csv", []),
    "quoted line ends": (NOTED, "csv", []),
    "CRLF and a mark": (f"\ufeff{NAMES}\n{BARE}\n".replace("\n", "\r\n"), "csv", []),
    "empty lines at the end": (f"{BARE}\n\n\n", "csv", []),
    "a mark within": (f"{BARE}\n\ufeff{BARE}", "csv", ["--bad-rows", "null"]),
    "JSON Lines": ("\n".join(map(json.dumps, NUMBERS)), "jsonl", []),
    "CSV to JSON Lines": (f"{NAMES}\n{BARE}\n", "csv", ["--accept", "application/jsonlines"]),
    "JSON Lines to CSV": ("\n".join(map(json.dumps, NUMBERS)), "jsonl", ["--accept", "text/csv"]),
    "bad rows are null": (BAD, "csv", ["--bad-rows", "null"]),
    "bad rows are dropped": (BAD, "csv", ["--bad-rows", "drop"]),
    "probabilities of none": (BARE, "csv", ["--content-type", "text/csv; proba=true"]),
}


@pytest.fixture
def invoke(door):
    """Run the command on a file, or on stdin where that is a text."""

    def run(file, *options, text=None):
        command = ["invoke", "abalone", str(file), "--endpoint-url", door.url, *options]
        return CliRunner().invoke(main, command, input=text, obj={})

    return run


@pytest.mark.parametrize("name", FILES)
def test_many_requests_answer_what_one_does(invoke, tmp_path, name):
    """The answer to a file cut into pieces is that to the whole, byte for byte."""
    text, suffix, options = FILES[name]
    file = tmp_path / f"rows.{suffix}"
    file.write_bytes(text.encode())

    one = invoke(file, "--chunk", str(BODY_BYTES), *options)
    many = invoke(file, "--chunk", "700", *options)

    assert (one.exit_code, many.exit_code) == (0, 0), one.stderr + many.stderr
    assert "rows/s" in many.stderr
    assert many.stdout_bytes == one.stdout_bytes


def test_stdin_is_sent_in_parts_too(invoke):
    """A pipe's length shows only at its end."""
    many = invoke("-", "--chunk", "700", text=BARE)

    assert many.exit_code == 0, many.stderr
    assert many.stdout == invoke("-", text=BARE).stdout
    assert len(many.stdout.splitlines()) == len(ROWS)


def test_a_bad_row_deep_in_a_file_is_named_by_its_place_in_the_file(invoke, tmp_path):
    """Row and line are the file's, the header and quoted line ends counted; what came before is kept."""
    file, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    file.write_text(NOTED.replace("0.365", "wide", 81).replace("wide", "0.365", 80))

    ended = invoke(file, "--chunk", "700", "--out", out, "--concurrency", "1")

    kept = len(out.read_text().split('", ",')) - 1
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1].split()[:4] == ["80", "162", "diameter", "wide"]
    assert f"answers to the first {kept} rows" in ended.stderr
    assert 0 < kept <= 80


def test_more_bad_rows_than_the_platform_passes_on_are_counted(invoke, tmp_path):
    """The rows that reach the client are listed, all of the request's are counted."""
    file = tmp_path / "rows.csv"
    file.write_text("\n".join([NAMES, *ROWS, *[ROW.replace("0.365", "wide")] * 90]))

    ended = invoke(file)

    assert ended.exit_code == 1
    assert "90 of 190 rows" in ended.stderr
    assert "… and 80 more rows" in ended.stderr


@pytest.mark.parametrize("text", ["", "\n\n", f"{NAMES}\n"])
def test_a_file_without_rows_is_refused_by_the_stage(invoke, tmp_path, text):
    """As one request is: nothing is invented on the way."""
    file = tmp_path / "rows.csv"
    file.write_text(text)

    ended = invoke(file)

    assert ended.exit_code == 1
    assert "answered 400" in ended.stderr


class InProcess:
    """Both stages in this process, in the place of an endpoint."""

    def __init__(self, stages):
        self.stages = stages

    def invoke(self, body, *, content_type, accept=None):
        """Send a body through, as the platform hands it on."""
        featurizer, predictor = self.stages
        try:
            features, hop = featurizer.answer(body, content_type, None, Context("model", "law"))
            return Answer(*predictor.answer(features, hop, accept, Context("model", "law")))
        except CallerError as error:
            raise RefusalError(Refusal(error.message, error.status)) from error


CELLS = st.tuples(
    st.text(alphabet='ab,"\n\r', max_size=4),
    st.sampled_from(["M", "F", "I", "", "?"]),
    *[st.sampled_from(["0.1", "7", "", "x", "0.455"])] * 7,
)


@given(
    rows=st.lists(CELLS, min_size=1, max_size=12),
    named=st.booleans(),
    policy=st.sampled_from(["fail", "null", "drop"]),
    size=st.integers(1, 300),
)
def test_splitting_and_joining_change_nothing(stages, rows, named, policy, size):
    """Any rows, cut anywhere: the same answer as in one request, and refused iff that is."""
    lines = [(f"note,{NAMES}").split(",")] if named else []
    lines += [row if named else row[1:] for row in rows]
    body = "".join(",".join(map(quote, line)) + "\n" for line in lines).encode()
    kind = f"text/csv; bad-rows={policy}; header={'present' if named else 'absent'}"

    whole, parts = (sent(InProcess(stages), body, kind, each) for each in (BODY_BYTES, size))

    assert parts == whole


def sent(endpoint, body, kind, size):
    """Send a body in chunks; None where it is refused."""
    source = streaming.Source(stream=io.BytesIO(body), name="rows", content_type=kind)
    pace = streaming.Pace(size=size, workers=2, tries=1)
    try:
        parts = list(streaming.send(source, endpoint, pace))
    except EndpointError:
        return None
    return b"".join(answer for part in parts for answer in part.answers)
