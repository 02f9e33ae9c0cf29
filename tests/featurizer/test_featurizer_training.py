import csv
import json

import numpy as np
import pytest

from featurizer import model_fn, predict_fn
from featurizer.training import train
from stagewire.training import Job, TrainingError, read_csv

ROWS = "id,size,colour,grade\n00501,1.5,red,good\n00502,,NA,bad\n00503,0.1,,good\n"


def job(base, *, hyperparameters=None, **channels):
    """Lay a training job out as SageMaker does."""
    for name, text in channels.items():
        folder = base / "input" / "data" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.csv").write_text(text)
    (base / "input" / "config").mkdir(parents=True)
    values = json.dumps(hyperparameters or {})
    (base / "input" / "config" / "hyperparameters.json").write_text(values)
    return Job(base)


def test_every_channel_is_featurized_as_serving_does(tmp_path):
    """Each channel's file holds the bits that the trained stage gives, and the label's text last."""
    work = job(tmp_path, train=ROWS, validation=ROWS, hyperparameters={"numeric": "id"})

    train(work)

    model = model_fn(str(tmp_path / "model"))
    served = predict_fn(work.channel("validation").table(model.schema), model)
    path = tmp_path / "output" / "data" / "validation" / "validation.csv"
    header, *rows = list(csv.reader(path.read_text().splitlines()))
    assert header == [*model.output.names, "grade"]
    assert [row[-1] for row in rows] == ["good", "bad", "good"]
    cells = np.array([row[:-1] for row in rows], dtype=float)
    assert cells.tobytes() == served.matrix().tobytes()


def test_kinds_are_inferred(tmp_path):
    """Numbers alone make a numeric column, the last column is the label, "NA" is a category."""
    train(job(tmp_path, train=ROWS))

    model = model_fn(str(tmp_path / "model"))

    kinds = [(field.name, field.dtype) for field in model.schema.fields]
    assert kinds == [("id", "float64"), ("size", "float64"), ("colour", "string")]
    assert model.schema.label == "grade"
    assert "categorical__colour_NA" in model.output.names


def test_categories_that_differ_by_blanks(tmp_path):
    """Features are told apart, and named so that the next stage reads the names as they were written."""
    work = job(tmp_path, train="kind,y\na,1\n a,2\na ,3\n")

    train(work)

    names = model_fn(str(tmp_path / "model")).output.names
    made = tmp_path / "output" / "data" / "train" / "train.csv"
    assert len(set(names)) == 3
    assert read_csv(made).names == (*names, "y")


def test_stated_kinds_leave_the_rest_out(tmp_path):
    """With both kinds stated, a column in neither is no feature; stated text stays text."""
    stated = {"categorical": '["id"]', "numeric": "size", "label": "grade"}

    train(job(tmp_path, train=ROWS, hyperparameters=stated))

    model = model_fn(str(tmp_path / "model"))
    assert model.schema.names == ("id", "size")
    assert "categorical__id_00501" in model.output.names


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            {"numerc": "id"},
            "unknown hyperparameters .'numerc'.; known are .'categorical', 'columns'",
        ),
        ({"numeric": "nosuch"}, "no columns .'nosuch'. among"),
        ({"label": "nosuch"}, "no columns .'nosuch'. among"),
        ({"numeric": "id", "categorical": "id"}, "'id'.* more than once"),
        ({"numeric": "grade"}, "the label 'grade' is stated as a feature"),
        ({"numeric": "colour"}, "row 0.*'colour'.*'red'"),
    ],
)
def test_stated_kinds_that_do_not_fit(tmp_path, stated, message):
    """Each wrong statement is refused by name."""
    work = job(tmp_path, train=ROWS, hyperparameters=stated)

    with pytest.raises(TrainingError, match=message):
        train(work)


@pytest.mark.parametrize("cell", ["", " ", "nan"])
def test_a_column_that_is_always_empty(tmp_path, cell):
    """A column without a single value is refused by name, however missing numbers are written."""
    work = job(tmp_path, train=f"a,b,y\n1,{cell},1\n2,,2\n")

    with pytest.raises(TrainingError, match=r"'b'. are empty in every row"):
        train(work)


def test_a_column_called_as_the_answer_is(tmp_path):
    """A feature that no request could name is refused before it is learned from."""
    work = job(tmp_path, train="prediction,b,y\n1,2,1\n2,2,2\n")

    with pytest.raises(TrainingError, match=r"'prediction'.*rename it"):
        train(work)


def test_a_channel_without_a_column(tmp_path):
    """A channel that lacks a column of `train` is refused, both named."""
    work = job(tmp_path, train=ROWS, validation="id,size,grade\n1,2,good\n")

    with pytest.raises(TrainingError, match=r"'validation' lacks the columns .'colour'."):
        train(work)


def test_no_train_channel(tmp_path):
    """Without a train channel nothing can be fitted."""
    work = job(tmp_path, validation=ROWS)

    with pytest.raises(TrainingError, match=r"no channel 'train' among .'validation'."):
        train(work)


@pytest.mark.parametrize("rows", ["a,b,y\n1,2,1\n", "c,d,y\nu,v,1\n"])
def test_one_kind_alone(tmp_path, rows):
    """Only numbers or only text train too."""
    train(job(tmp_path, train=rows))

    model = model_fn(str(tmp_path / "model"))

    assert len(model.output.names) == 2
