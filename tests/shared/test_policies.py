from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import orjson
import pytest

from stagewire import media
from stagewire.codec.arrow import load
from stagewire.errors import BadRows, RowError
from stagewire.request import Policy
from stagewire.schema import schema
from stagewire.table import Column, Table
from stagewire.testing import ask, stage_of

REASON = "column 'length' 'x' is not a number"


@pytest.mark.parametrize("body", [b"x,2\n1,2\n", b"1,2\nx,2\n1,2,3,4\n"])
def test_fail_names_every_bad_row(regressor, body):
    """The default refuses the request and lists row, column, value and reason."""
    with pytest.raises(BadRows) as refused:
        ask(regressor, body)

    bad = [row for row, line in enumerate(body.split()) if line != b"1,2"]
    shape = refused.value.as_json(stage="s", request_id="r")["error"]
    assert [row["row"] for row in shape["rows"]] == bad
    assert shape["bad_row_count"] == len(bad)
    assert (
        str(refused.value)
        == f"{len(bad)} of {len(body.split())} rows break the schema: row {bad[0]}: {REASON}"
    )


def test_a_row_counts_once_however_many_cells_are_bad(regressor):
    """Every bad cell is listed; rows are what is counted, in the message too."""
    with pytest.raises(BadRows, match=r"^1 of 2 rows break the schema: row 1: ") as refused:
        ask(regressor, b"1,2\nx,y\n")

    shape = refused.value.as_json(stage="s", request_id="r")["error"]
    assert [(row["row"], row["column"]) for row in shape["rows"]] == [(1, "length"), (1, "weight")]
    assert shape["bad_row_count"] == 1


def test_at_most_a_hundred_rows_are_listed(regressor):
    """All bad rows are counted, a hundred are shown."""
    with pytest.raises(BadRows) as refused:
        ask(regressor, b"x,y\n" * 150)

    shape = refused.value.as_json(stage="s", request_id="r")["error"]
    assert (len(shape["rows"]), shape["bad_row_count"]) == (100, 150)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"x,2\n1,2\n", b"\n2.0\n"),
        (b"1,2\nx,2\n3,2\n", b"2.0\n\n6.0\n"),
        (b"x,2\ny,2\n", b"\n\n"),
        (b"1,2\n1\n3,2\n", b"2.0\n\n6.0\n"),
    ],
)
def test_null_keeps_order_and_count(regressor, body, answer):
    """A bad row, also the first, also all, becomes an empty line of headerless CSV."""
    assert ask(regressor, body, "text/csv; bad-rows=null")[0] == answer


@pytest.mark.parametrize(
    ("body", "answer"),
    [(b"x,2\n1,2\n", b"2.0\n"), (b"1,2\nx,2\n3,2\n", b"2.0\n6.0\n"), (b"x,2\ny,2\n", b"")],
)
def test_drop_leaves_bad_rows_out(regressor, body, answer):
    """A bad row has no line; when all are bad there is none."""
    assert ask(regressor, body, "text/csv; bad-rows=drop")[0] == answer


def test_null_says_why_in_named_answers(regressor):
    """Named formats have a `prediction_error` column, empty for good rows."""
    body = b"id,length,weight\n007,x,y\n008,1,2\n"
    found = ask(regressor, body, "text/csv; bad-rows=null", media.JSONLINES)[0]

    rows = [orjson.loads(line) for line in found.splitlines()]
    assert [row["id"] for row in rows] == ["007", "008"]
    assert [row["prediction"] for row in rows] == [None, 2.0]
    assert [row["prediction_error"] for row in rows] == [
        f"{REASON}; column 'weight' 'y' is not a number",
        None,
    ]


def test_null_adds_its_column_whatever_the_rows_are(regressor):
    """A reader of named answers finds the same columns in every one, those without a bad row too."""
    body, _ = ask(regressor, b"length,weight\n1,2\n", "text/csv; bad-rows=null")

    assert body == b"length,weight,prediction,prediction_error\n1,2,2.0,\n"


def test_a_missing_prediction_is_null_in_arrow(regressor):
    """No reader has to know that NaN stands for a row without an answer."""
    body, _ = ask(regressor, b"1,2\nx,2\n", "text/csv; bad-rows=null", media.ARROW)

    found = load(body).column("prediction")
    assert (found.null_count, found.to_pylist()) == (1, [2.0, None])


def test_null_in_other_forms(regressor, classifier):
    """Instances get null, arrays NaN, a classifier's label is missing with its probabilities."""
    body = b'{"instances": [["x", 2], [1, 2]]}'
    words = classifier("no", "yes")

    kind = "application/json; bad-rows=null"
    assert orjson.loads(ask(regressor, body, kind)[0]) == {"predictions": [None, 2.0]}
    assert orjson.loads(ask(words, body, kind)[0])["predictions"][0] == {
        "label": None,
        "probabilities": {"no": None, "yes": None},
    }
    assert ask(words, b"x,2\n", "text/csv; bad-rows=null; proba=true")[0] == b",,\n"


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        (("error", "ok"), "prediction_error_reason"),
        (("error", "error_reason"), "prediction_error_reason_reason"),
    ],
)
def test_reasons_make_room_for_a_class_that_is_called_error(classifier, classes, name):
    """A probability has the name of its class, so why a row is bad has another one."""
    body = b"length,weight\nx,2\n1,2\n"
    found = ask(classifier(*classes), body, "text/csv; bad-rows=null", media.JSONLINES)[0]

    bad, good = [orjson.loads(line) for line in found.splitlines()]
    assert bad[name] == REASON
    assert good == {
        "length": "1",
        "weight": "2",
        "prediction": "error",
        "prediction_error": 0.75,
        f"prediction_{classes[1]}": 0.25,
        name: None,
    }


def test_the_deployment_decides_where_the_caller_does_not(regressor):
    """The stage's own policy holds until the request states another."""
    lenient = replace(regressor, policy=Policy.NULL)

    assert ask(lenient, b"x,2\n1,2\n")[0] == b"\n2.0\n"
    with pytest.raises(BadRows):
        ask(lenient, b"x,2\n1,2\n", "text/csv; bad-rows=fail")


def picky(table, _model):
    """Refuse rows above ten, as a model that finds bad rows itself would."""
    values = table.matrix()[:, 0]
    bad = np.flatnonzero(values > 10).tolist()
    if bad:
        raise BadRows(
            "too long",
            rows=[RowError(row, "length", str(values[row]), "is too long") for row in bad],
        )
    return values.astype(np.float32)


def test_rows_that_prove_bad_inside_the_stage_are_set_apart():
    """What predict_fn refuses is named by the caller's own row numbers, beside what did not parse."""
    stage = stage_of(
        picky,
        input=schema([("length", "float64"), ("weight", "float64")]),
        output=schema([("prediction", "float32")], task="regression"),
    )
    body = b"x,1\n1,1\n11,1\n2,1\n12,1\n"

    assert ask(stage, body, "text/csv; bad-rows=null")[0] == b"\n1.0\n\n2.0\n\n"
    assert ask(stage, body, "text/csv; bad-rows=drop")[0] == b"1.0\n2.0\n"
    with pytest.raises(BadRows) as refused:
        ask(stage, body)
    assert [row.row for row in refused.value.rows] == [0, 2, 4]


def test_a_feature_beyond_float32_is_the_callers_row(featurizer):
    """XGBoost would answer infinity silently; the caller's own cell is named instead."""
    for sign in ("", "-"):
        reason = re.escape(f"column 'size' '{sign}1e+39' is not finite as float32")
        with pytest.raises(BadRows, match=reason):
            ask(featurizer(), f"red,{sign}1e39\n".encode())


CHAINED = [
    ("text/csv", b"red,1\nblue,2\n", b"6.0\n8.0\n"),
    ("text/csv", b"id,color,size\n00501,red,1\n", b"id,color,size,prediction\n00501,red,1,6.0\n"),
    ("application/json", b'[{"color": "red", "size": 1, "id": "00501"}]', None),
    ("application/json", b'{"instances": [["red", 1]]}', b'{"predictions":[6.0]}'),
    ("application/json", b'{"input": ["red", 1]}', b'{"output":6.0}'),
    (
        "application/json",
        b'{"columns":["color","size"],"index":[9],"data":[["red",1]]}',
        b'{"columns":["color","size","prediction"],"index":[9],"data":[["red",1,6.0]]}',
    ),
]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sent", CHAINED)
def test_the_answer_of_two_stages_is_in_the_first_callers_shape(
    regressor, featurizer, accept, dtype, sent
):
    """Whatever Accept the platform sends between stages, the last one answers as if it were asked itself."""
    kind, body, answer = sent
    between, hop = ask(featurizer(hop_dtype=dtype), body, kind, accept)
    found = ask(regressor, between, hop)

    wanted = answer or b'[{"color":"red","size":1,"id":"00501","prediction":6.0}]'
    assert found == (wanted, kind)
    assert media.parse(hop).name in {media.NPY, media.ARROW}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv;q=0.1, */*", media.NPY),
        ("text/csv;q=0.5, application/json", media.NPY),
        ("*/*, text/csv", media.CSV),
        ("*/*;q=0.1, text/csv;q=0.2", media.CSV),
    ],
)
def test_what_is_wanted_most_decides_on_a_hop(featurizer, accept, kind):
    """The hop's format stands in for what leaves the form open, wherever that is in the list."""
    _, found = ask(featurizer(hop_dtype="float32"), b"red,1\n", accept=accept)

    assert media.parse(found).name == kind


def test_text_is_given_on_a_hop_where_it_is_asked(featurizer):
    """An explicit text/csv is obeyed also by a stage that is not last, with a bare content type."""
    assert ask(
        featurizer(hop_dtype="float32"), b"red,1\n", "text/csv; bad-rows=null", "text/csv"
    ) == (
        b"3.0,1.0\n",
        "text/csv",
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("numeric__size", "column 'size' '1e+30' gives the feature 'numeric__size', which is not"),
        ("size", "column 'size' '1e+30' gives the feature 'size', which is not"),
        ("pca0", "column 'pca0' '1e+40' is not"),
    ],
)
def test_a_feature_that_overflows_is_led_back_to_its_cell(featurizer, name, error):
    """Who sent the rows knows no `numeric__size`: column and value are theirs where that can be told."""

    def grown(table, _model):
        return Table((Column(name, table["size"] * 1e10),), table.rows)

    stage = replace(featurizer(), script=stage_of(grown).script, output=schema([(name, "float64")]))

    with pytest.raises(BadRows, match=re.escape(f"row 1: {error} finite as float32")):
        ask(stage, b"red,1\nred,1e30\n")


def test_each_of_many_overflows_is_led_back_to_the_nearest_name():
    """A feature may end in the names of two columns; of as many rows as a body has each is looked at once."""
    shape = schema([("size", "float64"), ("old__size", "float64")])
    stage = stage_of(
        lambda table, _: Table((Column("n__old__size", table["size"] * 1e10),), table.rows),
        input=shape,
        output=schema([("n__old__size", "float64")], task="transform"),
    )

    with pytest.raises(BadRows) as refused:
        ask(stage, b"1e30,7\n" * 20_000 + b"1e30,\n")

    found = refused.value.rows
    assert (len(found), {each.column for each in found}) == (20_001, {"old__size"})
    assert (found[0].value, found[-1].value) == ("7.0", None)


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        (
            "null",
            b"id,color,size,prediction,prediction_error\na,red,x,,column 'size' 'x' is not a number\nb,blue,1,8.0,\n",
        ),
        ("drop", b"id,color,size,prediction\nb,blue,1,8.0\n"),
    ],
)
def test_bad_rows_cross_a_hop_with_their_reasons(regressor, featurizer, policy, answer):
    """The second stage skips what the first found bad and repeats why."""
    body = b"id,color,size\na,red,x\nb,blue,1\n"

    between, hop = ask(featurizer(hop_dtype="float64"), body, f"text/csv; bad-rows={policy}")
    found = ask(regressor, between, hop)

    assert found[0].replace(b'"', b"") == answer


@pytest.mark.parametrize(
    "sent",
    [
        ("text/csv", b"red,x\nred,y\n", "drop", b""),
        ("text/csv", b"red,x\nred,y\n", "null", b"\n\n"),
        ("application/json", b'[{"color": "red", "size": "x"}]', "drop", b"[]"),
        ("application/json", b'{"instances": [["red", "x"]]}', "drop", b'{"predictions":[]}'),
        ("application/json", b'{"instances": [["red", "x"]]}', "null", b'{"predictions":[null]}'),
    ],
)
def test_a_request_of_bad_rows_alone_crosses_a_hop(regressor, featurizer, sent):
    """No row is left to compute, and the answer still has its shape."""
    kind, body, policy, answer = sent
    between, hop = ask(featurizer(hop_dtype="float32"), body, f"{kind}; bad-rows={policy}")

    assert ask(regressor, between, hop) == (answer, kind)


def test_a_row_that_only_the_second_stage_refuses(featurizer):
    """The policy that the caller stated at the door holds in the stage that finds the row."""
    second = stage_of(
        picky,
        input=schema([("length", "float64"), ("weight", "float64")]),
        output=schema([("prediction", "float32")], task="regression"),
        policy=Policy.DROP,
    )
    body = b"red,1\nthirteen-long,1\n"

    answers = {}
    for policy in ("null", "drop"):
        between, hop = ask(featurizer(hop_dtype="float32"), body, f"text/csv; bad-rows={policy}")
        answers[policy] = ask(second, between, hop)[0]
    between, hop = ask(featurizer(hop_dtype="float32"), body, "text/csv")

    assert answers == {"null": b"3.0\n\n", "drop": b"3.0\n"}
    with pytest.raises(BadRows, match="too long"):
        ask(second, between, hop)


def test_probabilities_asked_at_the_door_reach_the_last_stage(classifier, featurizer):
    """`proba=true` is an option of the caller's, so it crosses."""
    between, hop = ask(featurizer(hop_dtype="float32"), b"red,1\n", "text/csv; proba=true")

    assert ask(classifier("no", "yes"), between, hop)[0] == b"no,0.75,0.25\n"
