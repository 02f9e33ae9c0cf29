import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictor import compile_fn, model_fn, predict_fn
from stagewire import loading
from stagewire.errors import ArtifactError
from stagewire.request import Request
from stagewire.settings import read
from stagewire.start import Start
from stagewire.table import Role, Table, from_matrix
from stagewire.testing import ask

RNG = np.random.default_rng(7)
X = np.round(RNG.normal(size=(400, 4)), 2)
X[RNG.random(X.shape) < 0.05] = np.nan
SUM = np.nansum(X, axis=1)
THIRDS = np.digitize(SUM, np.quantile(SUM, [1 / 3, 2 / 3]))


def boost(objective, label, *, rounds=20, names=None, **parameters):
    """Train a small Booster on one thread."""
    data = xgb.DMatrix(X, label, feature_names=names)
    return xgb.train({"objective": objective, "nthread": 1, **parameters}, data, rounds)


def saved(folder, booster, name="model.ubj"):
    """Save into a folder, and return the folder as `model_fn` takes it."""
    booster.save_model(folder / name)
    return str(folder)


def rows(model, matrix=X):
    """Make a stage's input of a matrix."""
    return from_matrix(model.schema.names, np.asarray(matrix), request=Request(id="r1"))


@pytest.fixture(scope="module")
def regressor(tmp_path_factory):
    """A model directory with a regressor."""
    folder = tmp_path_factory.mktemp("regressor")
    return saved(folder, boost("reg:squarederror", SUM, names=["a", "b", "c", "d"]))


def test_a_regressor_equals_its_booster(regressor):
    """The predictions are, bit for bit, those of Booster.predict over a DMatrix."""
    model = model_fn(regressor)

    found = predict_fn(rows(model), model)

    assert (found.names, found.request.id) == (("prediction",), "r1")
    assert found.columns[0].role is Role.PREDICTION
    expected = model.booster.predict(xgb.DMatrix(X, feature_names=list(model.schema.names)))
    assert found["prediction"].dtype == np.float32
    assert found["prediction"].tobytes() == expected.tobytes()
    assert [(f.name, f.dtype) for f in model.schema.fields] == [(n, "float32") for n in "abcd"]
    assert (model.output.task, model.output.fields[0].dtype) == ("regression", "float32")


cells = st.one_of(st.floats(-10, 10, width=32), st.just(np.nan), st.sampled_from([0.0, -0.0]))


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=8))
def test_a_batch_is_its_rows(regressor, batch):
    """Predicting a batch equals predicting each of its rows alone, bit for bit."""
    model = model_fn(regressor)

    together = predict_fn(rows(model, batch), model)["prediction"]

    alone = [predict_fn(rows(model, [row]), model)["prediction"] for row in batch]
    assert together.tobytes() == np.concatenate(alone).tobytes()


def test_float32_is_what_xgboost_sees_of_float64(regressor):
    """Near every split threshold a float64 goes the way of its float32, in XGBoost itself."""
    model = model_fn(regressor)
    saved_model = json.loads(model.booster.save_raw("json"))
    trees = saved_model["learner"]["gradient_booster"]["model"]["trees"]
    splits = np.concatenate([tree["split_conditions"] for tree in trees]).astype(np.float32)
    near = np.unique([splits, np.nextafter(splits, -np.inf), np.nextafter(splits, np.inf)])
    wide = near.astype(np.float64)
    wide = np.unique([wide, np.nextafter(wide, -np.inf), np.nextafter(wide, np.inf)])
    matrix = np.repeat(wide[:, None], 4, axis=1)

    found = predict_fn(rows(model, matrix), model)["prediction"]

    expected = model.booster.inplace_predict(matrix)
    assert found.tobytes() == expected.tobytes()


def test_a_binary_classifier(tmp_path):
    """Its label is the second class where p > 0.5; the first has 1 - p in float32."""
    booster = boost("binary:logistic", SUM > 0)
    booster.set_attr(stagewire_classes=json.dumps(["no", "yes"]))
    model = model_fn(saved(tmp_path, booster))

    found = predict_fn(rows(model), model)

    p = booster.predict(xgb.DMatrix(X))
    assert found.names == ("prediction", "prediction_no", "prediction_yes")
    assert found["prediction_yes"].tobytes() == p.tobytes()
    assert found["prediction_no"].tobytes() == (np.float32(1) - p).tobytes()
    assert found["prediction"].tolist() == ["yes" if each > 0.5 else "no" for each in p]
    assert model.output.classes == ("no", "yes")
    assert model.output.fields[0].dtype == "string"


def test_a_classifier_of_many_classes(tmp_path):
    """Without noted classes they are integers; the probabilities are the Booster's to the bit."""
    booster = boost("multi:softprob", THIRDS, num_class=3)
    model = model_fn(saved(tmp_path, booster))

    found = predict_fn(rows(model), model)

    expected = booster.predict(xgb.DMatrix(X))
    assert found["prediction"].dtype == np.int64
    assert found["prediction"].tolist() == expected.argmax(axis=1).tolist()
    shares = np.column_stack([found[f"prediction_{each}"] for each in range(3)])
    assert shares.tobytes() == expected.tobytes()
    assert model.output.classes == (0, 1, 2)


@pytest.mark.parametrize(
    ("objective", "label", "more", "classes"),
    [
        ("multi:softmax", THIRDS, {"num_class": 3}, ["low", "mid", "high"]),
        ("binary:hinge", SUM > 0, {}, ["low", "high"]),
    ],
)
def test_labels_without_probabilities(tmp_path, objective, label, more, classes):
    """An objective that gives labels alone gives one column of them and declares no classes."""
    booster = boost(objective, label, **more)
    booster.set_attr(stagewire_classes=json.dumps(classes))
    model = model_fn(saved(tmp_path, booster))

    found = predict_fn(rows(model), model)

    positions = booster.predict(xgb.DMatrix(X)).astype(int)
    assert found["prediction"].tolist() == [classes[position] for position in positions]
    assert (model.output.task, model.output.classes) == ("classification", ())


@pytest.mark.parametrize("objective", ["binary:logitraw", "count:poisson", "rank:pairwise"])
def test_other_objectives_give_their_number(tmp_path, objective):
    """Margins, counts and ranks are handed on as XGBoost gives them."""
    model = model_fn(saved(tmp_path, boost(objective, THIRDS > 0)))

    found = predict_fn(rows(model), model)["prediction"]

    assert found.tobytes() == model.booster.predict(xgb.DMatrix(X)).tobytes()


def test_early_stopping_is_respected(tmp_path):
    """A Booster that kept rounds after its best one predicts without them, as XGBRegressor does."""
    seen, held = xgb.DMatrix(X[:200], SUM[:200]), xgb.DMatrix(X[200:], SUM[200:])
    stop = {"evals": [(held, "held")], "early_stopping_rounds": 5, "verbose_eval": False}
    booster = xgb.train({"eta": 0.9, "nthread": 1}, seen, 60, **stop)
    model = model_fn(saved(tmp_path, booster))

    found = predict_fn(rows(model), model)["prediction"]

    kept = (0, booster.best_iteration + 1)
    assert kept[1] < model.booster.num_boosted_rounds()
    assert found.tobytes() == booster.predict(xgb.DMatrix(X), iteration_range=kept).tobytes()


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic", "multi:softprob"])
def test_no_rows(tmp_path, objective):
    """No rows give no predictions, and the columns all the same."""
    more = {"num_class": 3} if objective.startswith("multi") else {}
    model = model_fn(saved(tmp_path, boost(objective, THIRDS if more else THIRDS > 0, **more)))

    found = predict_fn(rows(model, X[:0]), model)

    assert found.names == model.output.names
    assert all(len(column.values) == 0 for column in found.columns)


def test_one_thread(regressor):
    """The Booster computes on the caller's thread alone."""
    config = json.loads(model_fn(regressor).booster.save_config())

    assert config["learner"]["generic_param"]["nthread"] == "1"


def test_names_that_xgboost_refuses(tmp_path):
    """Names with brackets are read from the note beside them."""
    booster = boost("reg:squarederror", SUM)
    booster.set_attr(stagewire_features=json.dumps(["a<1", "b[", "c]", "d"]), stagewire_label="y")

    model = model_fn(saved(tmp_path, booster))

    assert model.schema.names == ("a<1", "b[", "c]", "d")
    assert model.schema.label == "y"


def test_a_json_model(tmp_path):
    """A JSON model is read when no UBJSON stands there; the manifest is not taken for one."""
    (tmp_path / "manifest.json").write_text("{}")

    folder = saved(tmp_path, boost("reg:squarederror", SUM), name="mine.json")

    model = model_fn(folder, Start(folder))

    assert model.schema.names == ("f0", "f1", "f2", "f3")


@pytest.mark.parametrize("cut", [0, 100, 0.5, -3])
def test_a_broken_model(tmp_path, regressor, cut):
    """A truncated file is refused with its name, at whatever byte it ends."""
    content = (Path(regressor) / "model.ubj").read_bytes()
    end = int(cut * len(content)) if isinstance(cut, float) else cut
    (tmp_path / "model.ubj").write_bytes(content[:end])

    with pytest.raises(ArtifactError, match=r"model\.ubj is not a model that XGBoost"):
        model_fn(str(tmp_path))


def test_no_model(tmp_path):
    """An empty directory is refused with what belongs there."""
    with pytest.raises(ArtifactError, match="no XGBoost model: put one there with save_model"):
        model_fn(str(tmp_path))


def test_several_models(tmp_path):
    """Two models and none called model.ubj: neither is guessed."""
    booster = boost("reg:squarederror", SUM)
    saved(tmp_path, booster, name="a.ubj")

    with pytest.raises(ArtifactError, match="several models"):
        model_fn(saved(tmp_path, booster, name="b.ubj"))


def test_a_classifier_of_one_class(tmp_path):
    """multi:softprob with a single class gives XGBoost's shape of a value, and the class all the same."""
    model = model_fn(saved(tmp_path, boost("multi:softprob", np.zeros(400), num_class=1)))

    found = predict_fn(rows(model), model)

    assert (found["prediction"].tolist(), found["prediction_0"].tolist()) == (
        [0] * 400,
        [1.0] * 400,
    )


TWO = np.column_stack([SUM, -SUM])
SEVERAL = {
    "labels": ({"objective": "reg:squarederror"}, TWO, ("prediction_0", "prediction_1")),
    "leaves": (
        {"objective": "reg:squarederror", "multi_strategy": "multi_output_tree"},
        TWO,
        ("prediction_0", "prediction_1"),
    ),
    "logistic": ({"objective": "binary:logistic"}, TWO > 0, ("prediction_0", "prediction_1")),
    "linear": (
        {"objective": "reg:squarederror", "booster": "gblinear"},
        TWO,
        ("prediction_0", "prediction_1"),
    ),
    "quantiles": (
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.95]},
        SUM,
        ("prediction_0.1", "prediction_0.5", "prediction_0.95"),
    ),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_numbers_a_row(tmp_path, kind):
    """Several labels or quantiles are several columns, each called by its place or its quantile."""
    parameters, label, names = SEVERAL[kind]
    booster = boost(label=label, **parameters)
    model = model_fn(saved(tmp_path, booster))

    found = predict_fn(rows(model), model)

    assert (found.names, model.output.names, model.output.task) == (names, names, "regression")
    predicted = np.column_stack([column.values for column in found.columns])
    assert predicted.tobytes() == booster.predict(xgb.DMatrix(X)).astype(np.float32).tobytes()
    assert predict_fn(rows(model, X[:0]), model).names == names
    record = compile_fn(str(tmp_path), rows(model), model)
    assert (record["proven"], record["reason"]) == (False, f"{len(names)} numbers a row")


def test_several_numbers_in_every_shape(tmp_path):
    """They are what one number is elsewhere: a line of cells, a list, a row of an array, keys beside the caller's."""
    (tmp_path / "model").mkdir()
    booster = boost("reg:squarederror", TWO, names=list("abcd"))
    saved(tmp_path / "model", booster)
    stage = loading.load("predictor", read({"SAGEMAKER_BASE_DIR": str(tmp_path)}))
    row = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    first, second = booster.inplace_predict(row)[0].tolist()

    def answered(body, kind="application/json", accept=None):
        return ask(stage, body, kind, accept)[0]

    array = np.load(io.BytesIO(answered(b"1,2,3,4", "text/csv", "application/x-npy")))
    lines = answered(b"1,2,3,4\n1,2,3,4\n", "text/csv").decode().split()
    instances = json.loads(answered(b'{"instances": [[1, 2, 3, 4]]}'))
    records = json.loads(answered(b'[{"id": "7", "a": 1, "b": 2, "c": 3, "d": 4}]'))
    null = answered(b"1,2,3,4\nx,2,3,4\n", "text/csv; bad-rows=null").decode().split("\n")
    assert array.tolist() == [[first, second]]
    assert [np.float32(cell) for cell in lines[1].split(",")] == [first, second]
    assert np.array(instances["predictions"], np.float32).tolist() == [[first, second]]
    assert list(records[0]) == ["id", "a", "b", "c", "d", "prediction_0", "prediction_1"]
    assert null == [lines[0], ",", ""]


@pytest.mark.parametrize(
    ("objective", "label", "more"),
    [
        ("reg:squarederror", SUM, {}),
        ("binary:logistic", SUM > 0, {}),
        ("multi:softprob", THIRDS, {"num_class": 3}),
    ],
)
def test_a_linear_model(tmp_path, objective, label, more):
    """gblinear, which XGBoost refuses to predict in place, gives Booster.predict's bits, many threads or one."""
    booster = boost(objective, label, booster="gblinear", **more)
    model = model_fn(saved(tmp_path, booster))
    expected = booster.predict(xgb.DMatrix(X)).astype(np.float32)
    narrow = X.astype(np.float32)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.raw, [narrow] * 20))

    assert {each.tobytes() for each in found} == {expected.tobytes()}
    assert np.concatenate([model.raw(row[None]) for row in narrow]).tobytes() == expected.tobytes()
    record = compile_fn(str(tmp_path), rows(model), model)
    assert (record["proven"], record["reason"]) == (
        False,
        "the booster gblinear: it is not a sum of trees",
    )


@pytest.mark.parametrize("noted", ["{}", "nonsense", '["a"]', '["a", 1]'])
def test_noted_classes_that_do_not_fit(tmp_path, noted):
    """Classes that are no list, too few or of two types are refused."""
    booster = boost("binary:logistic", SUM > 0)
    booster.set_attr(stagewire_classes=noted)

    with pytest.raises(ArtifactError, match="stagewire_classes"):
        model_fn(saved(tmp_path, booster))


def test_the_answer_is_a_table_of_new_columns(regressor):
    """Features are not repeated beside the predictions."""
    model = model_fn(regressor)

    found = predict_fn(rows(model), model)

    assert isinstance(found, Table)
    assert found.of(Role.FEATURE) == ()
