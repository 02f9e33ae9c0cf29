from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal

import numpy as np
import orjson
import pyarrow as pa
import pytest

from stagewire import media
from stagewire.codec.arrow import load
from stagewire.errors import NotAcceptable, SchemaMismatch
from stagewire.table import Column, Role, Table
from stagewire.testing import arrow, ask, stage_of

ROWS = b'[{"id": "00501", "length": 1.5, "weight": 2}, {"id": null, "length": 2, "weight": 3}]'
SPLIT = b'{"columns": ["length", "weight"], "index": ["a", "b"], "data": [[1.5, 2], [2, 3]]}'
LINES = b'{"length": 1.5, "weight": 2, "id": 7}\n{"length": 2, "weight": 3, "id": 8}\n'
NAMED_CSV = b"id,Weight,length\n00501,2,1.5\n,3,2.0\n"


def npy(array: np.ndarray) -> bytes:
    """Write an array as a client would."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


BARE = npy(np.array([[1.5, 2.0], [2.0, 3.0]]))
ARROW = arrow(length=[1.5, 2.0], id=pa.array([1, None]), weight=[2.0, 3.0])
SENT = {
    "csv": ("text/csv", b"1.5,2\n2,3\n"),
    "csv-label": ("text/csv", b"1.5,2,9\r\n2,3,9\r\n"),
    "csv-header": ("text/csv; header=present", NAMED_CSV),
    "records": ("application/json", ROWS),
    "record": ("application/json", b'{"length": 1.5, "weight": 2}'),
    "split": ("application/json", SPLIT),
    "instances": ("application/json", b'{"instances": [[1.5, 2], [2, 3]]}'),
    "instances-named": ("application/json", b'{"instances": [{"length": 1.5, "weight": 2}]}'),
    "inputs": ("application/json", b'{"inputs": [[1.5, 2], [2, 3]]}'),
    "input": ("application/json", b'{"input": [[1.5, 2], [2, 3]]}'),
    "input-row": ("application/json", b'{"input": [1.5, 2]}'),
    "jsonlines": ("application/jsonlines", LINES),
    "npy": ("application/x-npy", BARE),
    "arrow": (media.ARROW, ARROW),
}


def asked(stage, form: str, accept: str | None = None, options: str = "") -> object:
    """Ask a stage in a form; returns text, JSON, or an array, as the answer's type says."""
    kind, body = SENT[form]
    answer, found = ask(stage, body, kind + options, accept)
    if accept is None:
        assert found == media.parse(kind).name
    readers = {
        media.JSON: orjson.loads,
        media.NPY: lambda b: np.load(io.BytesIO(b)),
        media.ARROW: load,
    }
    return readers.get(found, bytes.decode)(answer)


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("csv", "3.0\n4.0\n"),
        ("csv-label", "3.0\n4.0\n"),
        ("csv-header", "id,Weight,length,prediction\n00501,2,1.5,3.0\n,3,2.0,4.0\n"),
        (
            "records",
            [
                {"id": "00501", "length": 1.5, "weight": 2, "prediction": 3.0},
                {"id": None, "length": 2, "weight": 3, "prediction": 4.0},
            ],
        ),
        ("record", {"length": 1.5, "weight": 2, "prediction": 3.0}),
        (
            "split",
            {
                "columns": ["length", "weight", "prediction"],
                "index": ["a", "b"],
                "data": [[1.5, 2, 3.0], [2, 3, 4.0]],
            },
        ),
        ("instances", {"predictions": [3.0, 4.0]}),
        ("instances-named", {"predictions": [3.0]}),
        ("inputs", {"outputs": [3.0, 4.0]}),
        ("input", {"output": [3.0, 4.0]}),
        ("input-row", {"output": 3.0}),
    ],
)
def test_a_regressor_answers_in_the_shape_of_the_question(regressor, form, answer):
    """Names come back when names were sent, values alone when values alone were."""
    assert asked(regressor, form) == answer


def test_a_regressor_answers_json_lines_and_arrays(regressor):
    """JSON Lines give a line a row; an array gives one 1-D float32 array."""
    lines = asked(regressor, "jsonlines")
    array = asked(regressor, "npy")

    assert [orjson.loads(line)["prediction"] for line in lines.splitlines()] == [3.0, 4.0]
    assert (array.dtype, array.tolist()) == (np.dtype("float32"), [3.0, 4.0])


def test_arrow_gives_back_the_columns_in_place(regressor):
    """An Arrow answer has the caller's columns, types and nulls, the prediction last, no marks of ours."""
    table = asked(regressor, "arrow")

    assert table.column_names == ["length", "id", "weight", "prediction"]
    assert table.column("id").to_pylist() == [1, None]
    assert str(table.column("prediction").type) == "float"
    assert table.schema.metadata is None


@pytest.mark.parametrize("classes", [("no", "yes"), (0, 1)])
@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("csv", ""),
        ("csv", "; proba=true"),
        ("csv-header", ""),
        ("records", ""),
        ("instances", ""),
        ("split", ""),
    ],
)
def test_a_classifier_answers_labels_and_probabilities(classifier, classes, form, options):
    """Bare CSV gives the label, more where asked; named forms and instances give both."""
    first, second = classes
    wanted = {
        "csv": f"{first}\n{first}\n",
        "csv; proba=true": f"{first},0.75,0.25\n" * 2,
        "csv-header": f"id,Weight,length,prediction,prediction_{first},prediction_{second}\n"
        f"00501,2,1.5,{first},0.75,0.25\n,3,2.0,{first},0.75,0.25\n",
        "records": [
            {**row, "prediction": first, f"prediction_{first}": 0.75, f"prediction_{second}": 0.25}
            for row in orjson.loads(ROWS)
        ],
        "instances": {
            "predictions": [
                {"label": first, "probabilities": {str(first): 0.75, str(second): 0.25}}
            ]
            * 2
        },
        "split": {
            "columns": [
                "length",
                "weight",
                "prediction",
                f"prediction_{first}",
                f"prediction_{second}",
            ],
            "index": ["a", "b"],
            "data": [[1.5, 2, first, 0.75, 0.25], [2, 3, first, 0.75, 0.25]],
        },
    }

    assert asked(classifier(*classes), form, options=options) == wanted[form + options]


def test_arrays_carry_labels_that_are_numbers_else_probabilities(classifier):
    """A 1-D array of labels, or a 2-D one where the labels are text or probabilities are asked."""
    numbers, words = classifier(0, 1), classifier("no", "yes")

    assert asked(numbers, "npy").tolist() == [0, 0]
    assert asked(words, "npy").tolist() == [[0.75, 0.25]] * 2
    assert asked(numbers, "npy", options="; proba=true").tolist() == [[0.75, 0.25]] * 2


def test_a_regressor_has_no_probabilities_to_add(regressor):
    """`proba=true` changes nothing for a model without classes, in any format."""
    assert asked(regressor, "csv", options="; proba=true") == "3.0\n4.0\n"
    assert asked(regressor, "npy", options="; proba=true").tolist() == [3.0, 4.0]


@pytest.mark.parametrize("form", SENT)
@pytest.mark.parametrize("accept", [media.CSV, media.JSON, media.JSONLINES, media.ARROW, media.NPY])
def test_accept_changes_the_format_and_never_the_content(regressor, form, accept):
    """Every question can be answered in every format that can carry it; npy carries no names."""
    kind, body = SENT[form]
    named = form in {"csv-header", "records", "record", "split", "jsonlines", "arrow"}
    if named and accept == media.NPY:
        with pytest.raises(NotAcceptable, match="without names"):
            ask(regressor, body, kind, accept)
        return

    answer, found = ask(regressor, body, kind, accept)

    assert found == accept
    assert b"sw-origin" not in answer
    if accept == media.NPY:
        assert np.load(io.BytesIO(answer))[0] == 3
    elif accept == media.ARROW:
        assert load(answer).column("prediction").to_pylist()[0] == 3
    else:
        assert b"3.0" in answer


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "text/plain, image/*;q=0.2"])
def test_what_no_format_satisfies_is_406(regressor, accept):
    """An Accept without any of our formats is refused with the formats there are."""
    with pytest.raises(NotAcceptable, match="application/x-npy"):
        ask(regressor, b"1,2\n", "text/csv", accept)


def test_infinity_in_text_is_406(regressor):
    """No text format here can write an infinite prediction, so it is refused and Arrow is named."""

    def endless(table: Table, _model: object) -> Table:
        return Table(
            (Column("prediction", np.full(table.rows, np.inf), Role.PREDICTION),), table.rows
        )

    stage = replace(regressor, script=stage_of(endless).script)

    with pytest.raises(NotAcceptable, match="Arrow"):
        ask(stage, b"1,2\n")


def test_a_header_comes_back_without_its_outer_blanks(regressor):
    """They are no part of a name; what follows them is carried as it was written."""
    found, _ = ask(regressor, b" id , length,weight\n 7 ,1,2\n")

    assert found == b"id,length,weight,prediction\n 7 ,1,2,2.0\n"


INF = float("inf")


@pytest.mark.parametrize("accept", [media.CSV, media.JSON, media.JSONLINES, media.ARROW])
@pytest.mark.parametrize("form", [media.ARROW, media.JSON])
def test_an_infinite_feature_stands_in_the_reason(regressor, form, accept):
    """A row that is bad for it harms no other: text has it in the reason, Arrow in its place too."""
    bodies = {
        media.ARROW: arrow(length=[INF, 2.0], WEIGHT=[2.0, 3.0]),
        media.JSON: b'[{"length": Infinity, "WEIGHT": 2}, {"length": 2.0, "WEIGHT": 3}]',
    }
    answer, _ = ask(regressor, bodies[form], f"{form}; bad-rows=null", accept)

    why = "column 'length' 'Infinity' is not finite as float32"
    if accept == media.ARROW:
        table = load(answer)
        assert table.column("length").to_pylist() == [INF, 2.0]
        assert table.column("prediction_error").to_pylist() == [why, None]
    elif accept == media.CSV:
        assert answer.decode().splitlines()[1].endswith(f",,{why}")
        assert answer.startswith(b"length,WEIGHT,prediction,prediction_error\n,2")
    else:
        (first, second) = orjson.loads(b"[%b]" % answer.strip(b"[]\n").replace(b"}\n{", b"},{"))
        assert first == {"length": None, "WEIGHT": 2, "prediction": None, "prediction_error": why}
        assert second["length"] == 2


def test_a_column_that_json_cannot_carry_is_named(regressor):
    """Among many columns the reason names the one."""
    body = arrow(length=[1.5], id=[7], price=pa.array([Decimal("1.50")]), weight=[2.0])

    with pytest.raises(NotAcceptable, match="column 'price' holds what JSON cannot carry"):
        ask(regressor, body, media.ARROW, media.JSON)


def test_a_column_called_prediction_is_refused(regressor):
    """The answer would have two of that name."""
    with pytest.raises(SchemaMismatch, match="'prediction'"):
        ask(regressor, b"length,weight,prediction\n1,2,3\n")


def test_a_column_called_as_a_class_is_refused(classifier):
    """A carried column must not hide behind a probability's name."""
    with pytest.raises(SchemaMismatch, match="prediction_no"):
        ask(classifier("no", "yes"), b"length,weight,prediction_no\n1,2,3\n")


@pytest.mark.parametrize("accept", ["application/json;q=0", "*/*;q=0", "application/*;q=0.000"])
def test_a_refusal_is_no_leave_to_answer_in_the_hops_format(featurizer, accept):
    """What Accept gives no weight is not wanted; between stages too."""
    with pytest.raises(NotAcceptable):
        ask(featurizer(hop_dtype="float32"), b"red,2\n", accept=accept)


def test_a_featurizer_answers_features_that_another_stage_reads(featurizer):
    """Features come in the caller's form: bare, or named with the carried columns before them."""
    stage = featurizer()

    assert ask(stage, b"red,2\n") == (b"3.0,2.0\n", media.CSV)
    assert ask(stage, b"id,color,size\n00501,red,2\n")[0] == b"id,length,weight\n00501,3.0,2.0\n"
    assert orjson.loads(ask(stage, b'{"instances": [["red", 2]]}', media.JSON)[0]) == {
        "instances": [[3.0, 2.0]]
    }


def test_the_deployments_default_stands_in_for_an_open_accept(regressor):
    """SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT answers where nothing or anything is accepted, as in the toolkits."""
    stage = replace(regressor, default_accept=media.JSON)

    assert (
        ask(stage, b"1,2\n")
        == ask(stage, b"1,2\n", accept="*/*")
        == (b'{"predictions":[2.0]}', media.JSON)
    )
    assert ask(stage, b"1,2\n", accept=media.CSV)[1] == media.CSV


def test_the_deployments_default_stands_in_for_nobodys_wish(regressor):
    """Where no stage follows, application/json is what a caller asked for, and is obeyed."""
    stage = replace(regressor, default_accept=media.CSV)

    assert ask(stage, b"1,2\n", accept=media.JSON)[1] == media.JSON


@pytest.mark.parametrize("accept", [None, "*/*", "application/*", "application/json"])
def test_the_deployments_accept_wins_over_the_hop(featurizer, accept):
    """Whatever the platform sends to a stage that is not last, and which is nobody's wish."""
    stage = featurizer(hop_dtype="float64")

    _, hop = ask(stage, b"red,2\n", accept=accept)
    _, own = ask(replace(stage, default_accept=media.CSV), b"red,2\n", accept=accept)

    assert hop.startswith(media.NPY)
    assert own == media.CSV
