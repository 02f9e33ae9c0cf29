"""The main job: raw rows in, predictions out, equal to the bit to both libraries in one process."""

from __future__ import annotations

import csv
import io
import json

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost as xgb

FIRST = "M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15"


@pytest.fixture(scope="module")
def rows(abalone):
    """Every row of the data set, as text, with its header."""
    with abalone.open() as file:
        header, *rows = csv.reader(file)
    return header, rows


@pytest.fixture(scope="module")
def wanted(rows, trained):
    """What scikit-learn's transform followed by the Booster says, in this process: float32."""
    header, lines = rows
    frame = pd.DataFrame([line[:-1] for line in lines], columns=header[:-1])
    for name in header[1:-1]:
        frame[name] = frame[name].astype(float)
    transformer = joblib.load(trained / "featurizer" / "model" / "preprocess.joblib")
    booster = xgb.Booster(model_file=trained / "predictor" / "model" / "model.ubj")
    features = transformer.transform(frame.astype({header[0]: object}))
    data = xgb.DMatrix(features, feature_names=booster.feature_names)
    return booster.predict(data, iteration_range=(0, booster.best_iteration + 1))


def csv_body(header, rows, *, named):
    """Write rows as CSV, without their label."""
    lines = [",".join(row[:-1]) for row in rows]
    return "\n".join([",".join(header[:-1]), *lines] if named else lines).encode()


def values(row):
    """Read a row's text as JSON would have it."""
    return [row[0], *(float(value) for value in row[1:-1])]


def arrow_body(header, rows):
    """Write rows as an Arrow stream."""
    columns = list(zip(*(values(row) for row in rows), strict=True))
    table = pa.table(dict(zip(header[:-1], map(list, columns), strict=True)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def npy_body(header, rows):
    """Write rows as a structured array."""
    kinds = [(header[0], "U1"), *((name, "f8") for name in header[1:-1])]
    file = io.BytesIO()
    np.save(file, np.array([tuple(values(row)) for row in rows], dtype=kinds))
    return file.getvalue()


def last_cells(answer):
    """Read the last cell of each line of a CSV with a header."""
    return [line.rpartition(",")[2] for line in answer.text.splitlines()[1:]]


WAYS = {
    "csv": ("text/csv", lambda h, r: csv_body(h, r, named=False), lambda a: a.text.split()),
    "csv-header": ("text/csv", lambda h, r: csv_body(h, r, named=True), last_cells),
    "records": (
        "application/json",
        lambda h, r: json.dumps([dict(zip(h, values(x), strict=False)) for x in r]).encode(),
        lambda a: [row["prediction"] for row in a.json()],
    ),
    "split": (
        "application/json",
        lambda h, r: json.dumps({"columns": h[:-1], "data": [values(x) for x in r]}).encode(),
        lambda a: [row[-1] for row in a.json()["data"]],
    ),
    "instances": (
        "application/json",
        lambda _, r: json.dumps({"instances": [values(x) for x in r]}).encode(),
        lambda a: a.json()["predictions"],
    ),
    "inputs": (
        "application/json",
        lambda _, r: json.dumps({"inputs": [values(x) for x in r]}).encode(),
        lambda a: a.json()["outputs"],
    ),
    "jsonlines": (
        "application/jsonlines",
        lambda h, r: "\n".join(
            json.dumps(dict(zip(h, values(x), strict=False))) for x in r
        ).encode(),
        lambda a: [json.loads(line)["prediction"] for line in a.text.splitlines()],
    ),
    "npy": ("application/x-npy", npy_body, lambda a: np.load(io.BytesIO(a.content))),
    "arrow": (
        "application/vnd.apache.arrow.stream",
        arrow_body,
        lambda a: pa.ipc.open_stream(a.content).read_all().column("prediction").to_pylist(),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_row_gets_the_very_bits_of_both_libraries(door, rows, wanted, way):
    """All 4,177 rows, in every content type that carries them."""
    kind, write, read = WAYS[way]

    answer = door.post(write(*rows), kind)

    assert answer.status_code == 200, answer.text
    assert np.array_equal(np.array(read(answer), dtype=np.float32), wanted)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FIRST, "text/csv"),
        (FIRST + ",15", "text/csv"),
        (FIRST + "\r\n", "text/csv"),
        ("\ufeff" + FIRST, "text/csv"),
        (FIRST, "text/csv; charset=utf-8"),
    ],
    ids=["plain", "label", "crlf", "bom", "charset"],
)
def test_one_row_is_one_number(door, wanted, body, kind):
    """The row of the AWS example, however it is written."""
    answer = door.post(body.encode(), kind)

    assert np.float32(float(answer.text)) == wanted[0]


def test_an_id_comes_back_as_it_went(door, wanted, rows):
    """A record is answered by itself and its prediction; "00501" stays text."""
    record = {"id": "00501", **dict(zip(rows[0], values(rows[1][0]), strict=False))}

    (found,) = door.post(json.dumps([record]).encode(), "application/json").json()

    assert np.float32(found.pop("prediction")) == wanted[0]
    assert found == record


def test_the_featurizers_own_port_answers_features_as_csv(door):
    """A stage of a chain still gives CSV to who asks for it."""
    import httpx

    url = door.containers()[0]
    headers = {"content-type": "text/csv", "accept": "text/csv"}

    answer = httpx.post(f"{url}/invocations", content=FIRST.encode(), headers=headers)

    assert answer.headers["content-type"] == "text/csv"
    assert len([float(cell) for cell in answer.text.split(",")]) == 10


def test_boto3_gets_the_prediction(door, wanted):
    """The unmodified client of the real service."""
    answer = door.runtime().invoke_endpoint(
        EndpointName="abalone", ContentType="text/csv; charset=utf-8", Body=FIRST.encode()
    )

    assert np.float32(float(answer["Body"].read())) == wanted[0]
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_boto3_sees_which_cell_was_bad(door):
    """Text in a number is a ModelError with the stage's status and its own words."""
    client = door.runtime()

    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint(
            EndpointName="abalone",
            ContentType="text/csv",
            Body=FIRST.replace("0.365", "wide").encode(),
        )

    response = caught.value.response
    assert response["OriginalStatusCode"] == 422
    (row,) = json.loads(response["OriginalMessage"])["error"]["rows"]
    assert (row["row"], row["column"], row["value"]) == (0, "diameter", "wide")


def test_a_bad_row_in_a_batch_is_null_and_harms_nobody(door, rows, wanted):
    """A thousand rows, the first and another bad: one call, every other row as ever."""
    header, lines = rows
    some = [list(row) for row in lines[:1000]]
    some[0][1] = some[500][3] = "?"

    answer = door.post(csv_body(header, some, named=False), "text/csv; bad-rows=null")

    found = answer.text.split("\n")[:-1]
    assert (found[0], found[500], len(found)) == ("", "", 1000)
    good = [i for i in range(1000) if i not in {0, 500}]
    assert np.array_equal(np.array([found[i] for i in good], dtype=np.float32), wanted[:1000][good])


def test_named_formats_say_why_a_row_has_no_prediction(door, rows):
    """The reason stands beside the row that it is about."""
    header, lines = rows
    some = [list(row) for row in lines[:3]]
    some[1][2] = "?"

    answer = door.post(csv_body(header, some, named=True), "text/csv; bad-rows=null")

    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [bool(row["prediction"]) for row in found] == [True, False, True]
    assert [bool(row["prediction_error"]) for row in found] == [False, True, False]
    assert "'diameter' '?'" in found[1]["prediction_error"]
    assert found[1]["diameter"] == "?"


@pytest.mark.parametrize(
    "accept", ["application/json", "application/jsonlines", "application/vnd.apache.arrow.stream"]
)
def test_accept_changes_the_form_and_not_the_content(door, rows, wanted, accept):
    """A CSV with a header, asked for in other forms, is still rows with names."""
    answer = door.post(csv_body(rows[0], rows[1][:2], named=True), accept=accept)

    if accept == "application/json":
        found = answer.json()
    elif accept == "application/jsonlines":
        found = [json.loads(line) for line in answer.text.splitlines()]
    else:
        found = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    assert [np.float32(row["prediction"]) for row in found] == wanted[:2].tolist()
    assert list(found[0]) == [*rows[0][:-1], "prediction"]


def test_the_doors_three_ways_to_send_accept_give_the_same_answers(opened, trained, door, rows):
    """What the platform sends to a stage that is not last is unknown, and must not matter."""
    bodies = [(write(rows[0], rows[1][:50]), kind) for kind, write, _ in WAYS.values()]
    wanted = [door.post(body, kind).content for body, kind in bodies]

    for accept in ("*/*", "application/json"):
        other = opened("abalone", trained, "--hop-accept", accept)
        assert [other.post(body, kind).content for body, kind in bodies] == wanted
