from __future__ import annotations

import io
import json
import logging
import math

import numpy as np
import orjson
import pytest

from stagewire import logs, main
from stagewire.compiling import compile_model
from stagewire.errors import ArtifactError
from stagewire.schema import schema
from stagewire.settings import Settings
from stagewire.table import objects
from stagewire.training import Hyperparameters, Job, TrainingError, read_csv, write_csv


@pytest.fixture
def job(tmp_path):
    """Make a job of some channels' files and hyperparameters."""

    def make(hyperparameters: object = None, **channels: str) -> Job:
        for name, text in channels.items():
            folder = tmp_path / "input" / "data" / name
            folder.mkdir(parents=True)
            for number, part in enumerate(text.split("---\n")):
                (folder / f"{number}.csv").write_text(part)
        if hyperparameters is not None:
            path = tmp_path / "input" / "config" / "hyperparameters.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(hyperparameters))
        return Job(tmp_path)

    return make


def test_a_channel_is_all_its_files(job):
    """The CSV files of a channel are read in order and appended."""
    found = job(train="a,b\n1,x\n---\na,b\n,00501\n").channel("train")

    assert (found.names, found.rows) == (("a", "b"), 2)
    assert repr(found.numbers("a").tolist()) == "[1.0, nan]"
    assert found.texts("b").tolist() == ["x", "00501"]
    assert (found.is_numeric("a"), found.is_numeric("b")) == (True, False)
    assert found.table(schema([("b", "string")]))["b"].tolist() == ["x", "00501"]


def test_names_may_come_from_hyperparameters(job):
    """SageMaker's own CSVs have no header; `columns` names them, as JSON or with commas."""
    named = job({"columns": '["a", "b"]'}, train="1,2\n").channel("train")

    assert (named.names, named.rows) == (("a", "b"), 1)
    assert Hyperparameters({"columns": "a, b"}).names("columns") == ("a", "b")


def test_a_header_beside_stated_names_is_no_row(job):
    """Files whose first line is those very names would otherwise train on it as on a row of text."""
    found = job({"columns": "a, b"}, train="a,b\n1,2\n---\n3,4\n").channel("train")

    assert found.numbers("a").tolist() == [1.0, 3.0]


def test_a_number_that_serving_reads_as_missing_is_a_number(job):
    """NumPy and pandas write nan for missing; a column of numbers with one is no text, and one with inf none either."""
    found = job(train="a,b,c\n1,x,1\nnan,nan,inf\n").channel("train")

    assert [found.is_numeric(name) for name in "abc"] == [True, False, True]
    with pytest.raises(TrainingError, match="row 1: column 'c' 'inf' is not finite"):
        found.numbers("c")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1\n", "row 0"),
        ("1,2\n3,4\n", "it is no header; put a line of names first, or name"),
        ("a,a\n1,2\n", r"names \['a'\] twice"),
        ("a,\n1,2\n", "an empty name"),
        ("", "is empty"),
        ("a,b\n", "no rows"),
        ("a\n1\n---\nb\n1\n", r"1.csv has the columns \['b'\]"),
    ],
)
def test_a_channel_that_cannot_be_read_names_its_file(job, text, reason):
    """Whoever sent the data reads the reason in output/failure."""
    with pytest.raises(TrainingError, match=reason) as refused:
        job(train=text).channel("train")

    assert ".csv" in str(refused.value)


def test_what_is_asked_of_a_channel_must_be_there(job):
    """An absent channel or column lists those there are; a bad cell is named."""
    found = job(train="a\nx\ny\n")

    with pytest.raises(TrainingError, match="the channels with files are: train"):
        found.channel("validation")
    with pytest.raises(TrainingError, match="no column 'b'"):
        found.channel("train").texts("b")
    with pytest.raises(
        TrainingError, match=r"row 0: column 'a' 'x' is not a number \(and 1 more\)"
    ):
        found.channel("train").numbers("a")


def test_hyperparameters_are_read_with_their_types(job):
    """SageMaker passes text; whoever writes numbers is understood too."""
    found = job({"n": "3", "x": 0.5, "task": "regression", "empty": ""}).hyperparameters

    assert (found.integer("n", 1), found.number("x", 1), found.number("y", 2)) == (3, 0.5, 2)
    assert found.text("empty", "default") == "default"
    assert found.choice("task", ("regression",)) == "regression"
    with pytest.raises(TrainingError, match="hyperparameter n has the value '3'"):
        found.choice("n", ("1", "2"))
    with pytest.raises(TrainingError, match="task has the value 'regression'; it must be a number"):
        found.number("task", 0)


def test_hyperparameters_as_sagemakers_sdk_writes_them(job):
    """Its framework estimators write each value as JSON: text in quotes, lists in quotes too, null for None."""
    asked = {
        "label": '"y"',
        "numeric": '["a", "b"]',
        "columns": '"a,b"',
        "eta": '"0.1"',
        "n": "null",
    }
    asked["categorical"] = json.dumps('["c"]')
    found = job({**asked, "seed": None, "odd": '"not json'}).hyperparameters

    assert (found.text("label"), found.text("odd")) == ("y", '"not json')
    assert (found.names("numeric"), found.names("columns")) == (("a", "b"), ("a", "b"))
    assert found.names("categorical") == ("c",)
    assert (found.number("eta", 1), found.integer("n", 7), found.integer("seed", 7)) == (0.1, 7, 7)


@pytest.mark.parametrize("value", ["nan", "inf", "-1e400"])
def test_a_number_must_be_finite(value):
    """XGBoost takes nan for a learning rate, and what it then trains is nothing."""
    with pytest.raises(TrainingError, match=r"eta has the value .* must be a number"):
        Hyperparameters({"eta": value}).number("eta", 1)


def test_hyperparameters_that_nobody_reads_are_refused():
    """A slip in a name is told, with the names there are; SageMaker's own keys are not the stage's."""
    found = Hyperparameters(
        {
            "eta": "1",
            "columns": "a,b",
            "sagemaker_program": "train.py",
            "_tuning_objective_metric": "validation:rmse",
        }
    )

    found.known({"eta"})
    with pytest.raises(
        TrainingError, match=r"unknown hyperparameters \['eta'\]; known are \['columns', 'et'\]"
    ):
        found.known({"et"})


def test_hyperparameters_must_be_an_object(job):
    """Anything else is a mistake with a name."""
    with pytest.raises(TrainingError, match="one JSON object"):
        _ = job([1]).hyperparameters


def test_what_is_written_is_read_back(tmp_path):
    """Floats to the bit, text with quotes and newlines, missing as nothing."""
    path = tmp_path / "deep" / "a.csv"
    floats = np.array([0.1, math.pi, np.nan, -0.0])

    write_csv(path, ["x", "the, name"], [floats, objects(['a"b', "c\nd", None, "00501"])])
    found = read_csv(path)

    assert found.names == ("x", "the, name")
    assert repr(found.numbers("x").tolist()) == repr(floats.tolist())
    assert found.texts("the, name").tolist() == ['a"b', "c\nd", None, "00501"]


def test_a_failed_training_leaves_its_reason(tmp_path, root_log):
    """The reason stands in output/failure, and the status is not zero."""
    status = main.train("nobody", Settings(base=tmp_path))

    assert status == 1
    assert "no stage 'nobody' is installed" in (tmp_path / "output" / "failure").read_text()


def test_a_long_reason_is_cut_to_what_sagemaker_shows(tmp_path, root_log):
    """FailureReason has 1,024 characters."""
    main.train("x" * 3000, Settings(base=tmp_path))

    assert len((tmp_path / "output" / "failure").read_text().rstrip("\n")) == 1024


def test_a_model_without_a_schema_cannot_be_compiled(tmp_path):
    """There would be nothing to record in a manifest."""
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text("def model_fn(d): ...\ndef predict_fn(d, m): ...\n")

    with pytest.raises(ArtifactError, match="states no schema"):
        compile_model("stub", Settings(base=tmp_path))


def test_logs_are_json_lines(root_log):
    """One object a line: level, stage, fields, and a traceback that stays on its line."""
    stream = io.StringIO()
    logs.start("stub", logging.INFO, stream)

    root_log.info("said", extra={"fields": {"request_id": "r", "path": Settings().base}})
    try:
        1 / 0  # noqa: B018 (it raises)
    except ZeroDivisionError:
        root_log.exception("failed")
    root_log.debug("never")

    said, failed = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert (said["level"], said["stage"], said["message"]) == ("INFO", "stub", "said")
    assert (said["request_id"], said["path"]) == ("r", "/opt/ml")
    assert "ZeroDivisionError" in failed["traceback"]


def test_a_log_line_holds_whatever_text_there_is(root_log):
    """A file's name that is no UTF-8 has half surrogate pairs, of which no line may be lost."""
    stream = io.StringIO()
    logs.start("stub", logging.INFO, stream)

    root_log.info("read \udcff.csv")

    assert json.loads(stream.getvalue())["message"] == "read \udcff.csv"
