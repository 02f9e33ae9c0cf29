"""Nothing knows abalone: other names, string classes and missing text go through the same commands."""

from __future__ import annotations

import csv
import io
import json

import joblib
import numpy as np
import pytest
import xgboost as xgb

CITIES = ("Zürich", "Zürich ", "NA", "São Paulo", "", 'The "Hague"')
CLASSES = ("no", "perhaps", "yes, please")


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A made survey: a code that looks like a number, text with gaps, numbers with gaps, three classes."""
    draw = np.random.default_rng(7)
    rows = []
    for i in range(600):
        city = CITIES[draw.integers(len(CITIES))]
        age = round(float(draw.uniform(18, 90)), 1)
        income = "" if draw.random() < 0.1 else repr(float(np.round(draw.lognormal(10, 1), 2)))
        code = f"{draw.integers(3):05d}"
        score = age / 30 + (city == "NA") + (code == "00001")
        rows.append([code, city, age, income, CLASSES[min(2, int(score))], f"note {i}"])
    path = tmp_path_factory.mktemp("survey") / "survey.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["Post Code", "city", "age", "income", "answer", "note"], *rows]
        )
    return path


@pytest.fixture(scope="module")
def out(survey, stagewire, tmp_path_factory):
    """The survey trained and packaged, the label not last and one column left out."""
    out = tmp_path_factory.mktemp("other")
    columns = ("--categorical", "Post Code,city", "--numeric", "age,income")
    stagewire("train", "--data", survey, "--label", "answer", "--out", out, *columns)
    stagewire("package", "--out", out)
    return out


@pytest.fixture(scope="module")
def other(opened, out):
    """The door with the endpoint `survey`."""
    return opened("survey", out)


@pytest.fixture(scope="module")
def rows(survey):
    """The survey's rows as objects of text."""
    with survey.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def wanted(out, rows):
    """Probabilities by both libraries in this process: float32, shape (rows, 3)."""
    import pandas as pd

    transformer = joblib.load(out / "featurizer" / "model" / "preprocess.joblib")
    booster = xgb.Booster(model_file=out / "predictor" / "model" / "model.ubj")
    columns = {
        "age": [float(row["age"]) for row in rows],
        "income": [float(row["income"] or "nan") for row in rows],
        **{
            n: np.array([row[n] or np.nan for row in rows], dtype=object)
            for n in ("Post Code", "city")
        },
    }
    frame = pd.DataFrame(columns)[list(transformer.feature_names_in_)]
    data = xgb.DMatrix(transformer.transform(frame), feature_names=booster.feature_names)
    return booster.predict(data, iteration_range=(0, booster.best_iteration + 1))


def document(rows):
    """Write rows as CSV with a header, without the label."""
    file = io.StringIO()
    names = [name for name in rows[0] if name != "answer"]
    writer = csv.DictWriter(file, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def test_labels_and_probabilities_are_the_libraries_own(other, rows, wanted):
    """String classes come back as they were, with a probability each, to the bit."""
    answer = other.post(document(rows))

    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["prediction"] for row in found] == [CLASSES[i] for i in wanted.argmax(axis=1)]
    probabilities = [[float(row[f"prediction_{name}"]) for name in CLASSES] for row in found]
    assert np.array_equal(np.array(probabilities, dtype=np.float32), wanted)


def test_every_column_comes_back_as_it_went(other, rows):
    """Codes keep their zeros, text its quotes and gaps, and a column that is no feature is carried."""
    answer = other.post(document(rows[:50]))

    found = list(csv.DictReader(io.StringIO(answer.text)))
    sent = [{k: v for k, v in row.items() if k != "answer"} for row in rows[:50]]
    assert [
        {k: v for k, v in row.items() if not k.startswith("prediction")} for row in found
    ] == sent


def test_na_is_text_and_empty_is_missing(other):
    """A city may be called NA; an empty cell is none."""
    base = {"Post Code": "00001", "age": 40, "income": 1000.5}
    rows = [{**base, "city": "NA"}, {**base, "city": ""}, {**base, "city": None}]

    found = other.post(json.dumps(rows).encode(), "application/json").json()

    assert [row["city"] for row in found] == ["NA", "", None]
    assert found[0]["prediction_no"] != found[2]["prediction_no"]


def test_a_number_where_a_code_is_wanted_is_refused(other):
    """00501 must not become 501: a number in a text column is an error, not a guess."""
    row = {"Post Code": 501, "city": "NA", "age": 40, "income": 1}

    answer = other.post(json.dumps([row]).encode(), "application/json")

    assert answer.status_code == 424
    assert "'Post Code' '501' is not text" in answer.json()["OriginalMessage"]


def test_the_bare_forms_of_a_classifier(other, rows, wanted):
    """A label a line; with `proba=true` a probability a class; `instances` get objects."""
    lines = [
        [
            row["Post Code"],
            row["city"],
            float(row["age"]),
            float(row["income"]) if row["income"] else None,
        ]
        for row in rows[:2]
    ]
    instances = json.dumps({"instances": lines}).encode()
    names = [CLASSES[i] for i in wanted[:2].argmax(axis=1)]

    found = other.post(instances, "application/json").json()["predictions"]
    assert [row["label"] for row in found] == names
    assert [list(row["probabilities"]) for row in found] == [list(CLASSES)] * 2

    labels = other.post(instances, "application/json", accept="text/csv").text
    assert list(csv.reader(io.StringIO(labels))) == [[name] for name in names]

    proba = other.post(instances, "application/json; proba=true", accept="text/csv").text
    cells = [row[1:] for row in csv.reader(io.StringIO(proba))]
    assert np.array_equal(np.array(cells, dtype=np.float32), wanted[:2])

    npy = other.post(instances, "application/json", accept="application/x-npy").content
    assert np.array_equal(np.load(io.BytesIO(npy)), wanted[:2])
