import json

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from featurizer import model_fn, predict_fn
from featurizer.columns import Columns
from featurizer.transformer import build
from stagewire import loading
from stagewire.compiling import compile_model
from stagewire.errors import ArtifactError, BadRows
from stagewire.request import Request
from stagewire.schema import schema
from stagewire.settings import Settings, read
from stagewire.start import Start
from stagewire.table import Column, Role, Table, objects

PLAN = Columns("y", ("a", "b"), ("c", "d"), schema([("a", "float64")]))


def table(**columns):
    """Make a stage's input of lists: texts as objects, numbers as float64."""
    made = [
        Column(name, objects(values) if _is_text(values) else np.array(values, dtype=float))
        for name, values in columns.items()
    ]
    return Table(tuple(made), len(made[0].values), Request(id="r1"))


def _is_text(values):
    return any(isinstance(value, str) for value in values) or None in values


def mixed():
    """Numbers and text, each with something missing."""
    return table(
        a=[1.0, 2.5, np.nan, 4.0, 0.1],
        c=["x", "y", None, "x", "z"],
        b=[0.3, 0.1, 0.2, np.nan, 7.0],
        d=["u", None, "v", "u", "00501"],
    )


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """A model directory with the transformer of training, fitted on mixed columns."""
    folder = tmp_path_factory.mktemp("model")
    fitted = build(PLAN).fit(mixed().frame(Role.FEATURE))
    joblib.dump(fitted, folder / "preprocess.joblib")
    return folder


def saved(folder, transformer, name="preprocess.joblib"):
    """Dump into a folder, and return the folder as `model_fn` takes it."""
    joblib.dump(transformer, folder / name)
    return str(folder)


def test_kinds_of_a_fitted_transformer(model_dir):
    """The input schema has the fit's columns in the fit's order, text where a step learned text."""
    model = model_fn(str(model_dir))

    assert [(f.name, f.dtype) for f in model.schema.fields] == [
        ("a", "float64"),
        ("c", "string"),
        ("b", "float64"),
        ("d", "string"),
    ]
    assert model.output.names[:2] == ("numeric__a", "numeric__b")
    assert model.output.task == "transform"


def test_features_equal_scikit_learns(model_dir):
    """The stage's features are, bit for bit, what the transformer gives for the same DataFrame."""
    model = model_fn(str(model_dir))

    features = predict_fn(mixed(), model)

    assert features.names == model.output.names
    assert features.request.id == "r1"
    assert all(column.role is Role.FEATURE for column in features.columns)
    expected = joblib.load(model_dir / "preprocess.joblib").transform(mixed().frame(Role.FEATURE))
    assert features.matrix().tobytes() == np.ascontiguousarray(expected).tobytes()


numbers = st.one_of(st.floats(-1e30, 1e30), st.just(np.nan))
texts = st.one_of(st.none(), st.sampled_from(["x", "y", "missing", "NA", ""]), st.text(max_size=3))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(numbers, texts, numbers, texts), min_size=1, max_size=6))
def test_a_batch_is_its_rows(model_dir, rows):
    """Featurizing a batch equals featurizing each of its rows alone, bit for bit."""
    model = model_fn(str(model_dir))
    names = ("a", "c", "b", "d")
    kinds = (float, object, float, object)
    columns = [
        np.fromiter(cells, dtype=kind, count=len(rows))
        for cells, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    batch = Table(tuple(map(Column, names, columns)), len(rows))

    together = predict_fn(batch, model).matrix()

    masks = np.eye(len(rows), dtype=bool)
    alone = np.vstack([predict_fn(batch.take(mask), model).matrix() for mask in masks])
    assert together.tobytes() == alone.tobytes()


def test_unknown_and_missing_categories(model_dir):
    """An unknown category gives only zeros; a missing one the column of missing values."""
    model = model_fn(str(model_dir))

    features = predict_fn(table(a=[1, 1], c=["never", None], b=[1, 1], d=["u", "u"]), model)

    c = [name for name in model.output.names if name.startswith("categorical__c_")]
    assert [sum(features[name][0] for name in c), features["categorical__c_missing"][1]] == [0, 1]


def test_no_rows(model_dir):
    """No rows give no features, and the columns all the same."""
    model = model_fn(str(model_dir))

    features = predict_fn(mixed().take(np.zeros(5, dtype=bool)), model)

    assert (features.rows, features.names) == (0, model.output.names)


def test_fitted_without_names(tmp_path):
    """A transformer fitted on an array takes x0, x1 and so on, and no warning is raised."""
    model = model_fn(saved(tmp_path, StandardScaler().fit(np.arange(6.0).reshape(3, 2))))

    features = predict_fn(table(x0=[0.0, 2.0], x1=[1.0, 3.0]), model)

    assert model.schema.names == ("x0", "x1")
    expected = (np.array([[0.0, 1.0], [2.0, 3.0]]) - [2, 3]) / np.sqrt(8 / 3)
    assert np.allclose(features.matrix(), expected)


def test_columns_by_number_in_an_array(tmp_path):
    """A ColumnTransformer over numbered columns of an object array knows its text too."""
    rows = np.array([[1.0, "x"], [2.0, "y"]], dtype=object)
    parts = [("n", StandardScaler(), [0]), ("c", OneHotEncoder(sparse_output=False), [-1])]
    model = model_fn(saved(tmp_path, ColumnTransformer(parts).fit(rows)))

    features = predict_fn(table(x0=[1.0], x1=["y"]), model)

    assert [field.dtype for field in model.schema.fields] == ["float64", "string"]
    assert features.matrix().tolist() == [[-1.0, 0.0, 1.0]]


def test_sparse_output_is_filled(tmp_path):
    """A sparse result crosses the hop dense, zeros as zeros."""
    fitted = OneHotEncoder().fit(pd.DataFrame({"c": ["x", "y"]}))

    features = predict_fn(table(c=["y"]), model_fn(saved(tmp_path, fitted)))

    assert features.matrix().tolist() == [[0.0, 1.0]]


def test_unions_and_pipelines_tell_their_text(tmp_path):
    """Kinds are found through a Pipeline's imputers and through a FeatureUnion."""
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    union = FeatureUnion([("one", OneHotEncoder(handle_unknown="ignore")), ("two", encode)])
    fitted = make_pipeline(SimpleImputer(strategy="most_frequent"), union)
    fitted.fit(pd.DataFrame({"c": ["x", "y", "y"]}))

    model = model_fn(saved(tmp_path, fitted))

    assert [field.dtype for field in model.schema.fields] == ["string"]


def test_dropped_columns_are_not_asked_for(tmp_path):
    """A column that the transformer only drops is no input, whatever it held at the fit."""
    frame = pd.DataFrame({"id": ["r1", "r2"], "a": [1.0, 3.0], "n": [7, 8]})
    fitted = make_pipeline(ColumnTransformer([("a", StandardScaler(), ["a"])])).fit(frame)
    model = model_fn(saved(tmp_path, fitted))

    features = predict_fn(table(a=[2.0, 3.0]), model)

    assert model.schema.names == ("a",)
    assert features.matrix().tolist() == [[0.0], [1.0]]


def test_refused_rows_are_named(tmp_path):
    """An encoder that refuses unknown categories: each such row is named, and no other."""
    fitted = OneHotEncoder(handle_unknown="error").fit(pd.DataFrame({"c": ["x", "y"]}))
    model = model_fn(saved(tmp_path, fitted))

    with pytest.raises(BadRows) as refused:
        predict_fn(table(c=["x", "p", "y", "x", "q"]), model)

    assert [row.row for row in refused.value.rows] == [1, 4]
    assert "unknown categories" in refused.value.rows[0].reason


def test_a_long_cell_is_refused_in_few_words(tmp_path):
    """scikit-learn quotes what it does not know in full; as much of that comes back as can be read."""
    fitted = OneHotEncoder(handle_unknown="error").fit(pd.DataFrame({"c": ["x", "y"]}))
    model = model_fn(saved(tmp_path, fitted))

    with pytest.raises(BadRows) as refused:
        predict_fn(table(c=["x", "p" * 1_000_000]), model)

    assert len(refused.value.rows[0].reason) == 200


def test_the_search_for_refused_rows_ends(tmp_path):
    """At most 100 refused rows are searched for, and the message says so."""
    fitted = OneHotEncoder(handle_unknown="error").fit(pd.DataFrame({"c": ["x", "y"]}))
    model = model_fn(saved(tmp_path, fitted))

    with pytest.raises(BadRows, match=r"100 rows .the search stops there.") as refused:
        predict_fn(table(c=["p"] * 150), model)

    assert [row.row for row in refused.value.rows] == list(range(100))


def test_text_features_are_refused_at_load(tmp_path):
    """A transformer that passes text through cannot be served."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "c": ["x", "y"]})
    parts = [("c", SimpleImputer(strategy="most_frequent"), ["c"])]
    fitted = ColumnTransformer(parts, remainder="passthrough").fit(frame)

    with pytest.raises(ArtifactError, match="text features: encode"):
        model_fn(saved(tmp_path, fitted))


def test_features_without_names_are_numbered(tmp_path):
    """What a step does not name is called f0 and so on, counted on a row of values that it knows."""
    parts = [("n", FunctionTransformer(np.log), ["a"]), ("c", OneHotEncoder(), ["c", "k"])]
    frame = pd.DataFrame({"a": [1.0, 2.0], "c": ["x", "y"], "k": [3, 4]})
    model = model_fn(saved(tmp_path, ColumnTransformer(parts).fit(frame)))

    features = predict_fn(table(a=[1.0], c=["y"], k=[3.0]), model)

    assert features.names == ("f0", "f1", "f2", "f3", "f4")
    assert features.matrix().tolist() == [[0.0, 0.0, 1.0, 1.0, 0.0]]


def _positive(values):
    """Refuse what a check of a user's own would."""
    if (values <= 0).any():
        raise ValueError("is not positive")
    return values


def test_features_that_cannot_be_counted_are_refused_at_load(tmp_path):
    """A step that neither names its features nor takes the row they are counted by says what to do."""
    fitted = FunctionTransformer(_positive).fit(np.ones((2, 1)))

    with pytest.raises(ArtifactError, match="one-to-one"):
        model_fn(saved(tmp_path, fitted))


@pytest.mark.parametrize(
    ("transformer", "reason"),
    [
        (
            make_pipeline(StandardScaler(), LinearRegression()),
            r"LinearRegression, .* pipeline\[:-1\]",
        ),
        (
            make_pipeline(TfidfVectorizer(), TruncatedSVD(1)),
            "takes bare texts, .* ColumnTransformer",
        ),
    ],
)
def test_pipelines_that_are_no_featurizers_say_what_to_save(tmp_path, transformer, reason):
    """A Pipeline that predicts, or takes a list of texts, is fitted, and refused with its remedy."""
    texts = isinstance(transformer[-1], TruncatedSVD)
    transformer.fit(["red hat", "blue hat"] if texts else np.ones((2, 1)), [0, 1])

    with pytest.raises(ArtifactError, match=reason):
        model_fn(saved(tmp_path, transformer))


def test_text_features_without_names_are_refused_at_load(tmp_path):
    """Whether a step names its features or not, text cannot cross to a model."""
    fitted = make_pipeline(StandardScaler(), FunctionTransformer(_words)).fit(np.ones((2, 1)))

    with pytest.raises(ArtifactError, match="text features: encode"):
        model_fn(saved(tmp_path, fitted))


def _words(values):
    """Make text of numbers."""
    return np.asarray(values).astype(str).astype(object)


def test_a_vectorizer_without_a_vocabulary_takes_text(tmp_path):
    """HashingVectorizer learns nothing and names nothing; its column is text all the same."""
    frame = pd.DataFrame({"doc": ["a b", "c"]})
    fitted = ColumnTransformer([("d", HashingVectorizer(n_features=4), "doc")]).fit(frame)
    model = model_fn(saved(tmp_path, fitted))

    features = predict_fn(table(doc=["a b"]), model)

    assert model.schema.fields[0].dtype == "string"
    assert features.matrix().tobytes() == fitted.transform(frame[:1]).toarray().tobytes()


def test_names_that_come_again_are_numbered(tmp_path):
    """Column a with category b_c and column a_b with category c get different names."""
    fitted = OneHotEncoder().fit(pd.DataFrame({"a": ["b_c"], "a_b": ["c"]}))

    model = model_fn(saved(tmp_path, fitted))

    assert model.output.names == ("a_b_c", "a_b_c__2")


def test_an_only_joblib_file_is_found(tmp_path):
    """Somebody's own model.joblib is taken when it is the only one."""
    folder = saved(tmp_path, StandardScaler().fit(np.ones((2, 1))), name="model.joblib")

    assert model_fn(folder).schema.names == ("x0",)


def test_no_model(tmp_path):
    """An empty directory is refused with the name of the file that belongs there."""
    with pytest.raises(ArtifactError, match=r"no joblib file: put .* preprocess\.joblib"):
        model_fn(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\x80\x04broken", b"x\x9cbroken", b"\x1f\x8bbroken"])
def test_broken_file(tmp_path, content):
    """A file that cannot be unpickled is refused with its name."""
    (tmp_path / "preprocess.joblib").write_bytes(content)

    with pytest.raises(ArtifactError, match=r"preprocess\.joblib"):
        model_fn(str(tmp_path))


def test_not_a_transformer(tmp_path):
    """A joblib file of something else is refused."""
    with pytest.raises(ArtifactError, match="holds a dict, not a transformer"):
        model_fn(saved(tmp_path, {"a": 1}))


def test_not_fitted(tmp_path):
    """A transformer that was never fitted is refused."""
    with pytest.raises(ArtifactError, match="fit it"):
        model_fn(saved(tmp_path, StandardScaler()))


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3)])
def test_another_scikit_learn_is_refused(tmp_path, compress):
    """A file saved by another minor version is refused before it is unpickled, versions named."""
    _older(tmp_path, compress)

    with pytest.raises(ArtifactError, match=r"saved by scikit-learn 0\.24\.2, this is 1\."):
        model_fn(str(tmp_path))


def test_skew_can_be_allowed(tmp_path):
    """A deployment that allows skew loads it nevertheless, under scikit-learn's own warning."""
    _older(tmp_path, 0)

    with pytest.warns(UserWarning, match=r"0\.24\.2"):
        model = model_fn(str(tmp_path), Start(str(tmp_path), allow_skew=True))

    assert model.schema.names == ("x0",)


def test_the_deployments_word_reaches_the_file(tmp_path):
    """STAGEWIRE_ALLOW_SKEW is read once, in any spelling that the settings take."""
    (tmp_path / "model").mkdir()
    _older(tmp_path / "model", 0)

    with pytest.warns(UserWarning, match=r"0\.24\.2"):
        stage = loading.load(
            "featurizer",
            read({"SAGEMAKER_BASE_DIR": str(tmp_path), "STAGEWIRE_ALLOW_SKEW": "TRUE"}),
        )

    assert stage.input.names == ("x0",)


def test_what_packaging_proves_is_proven_without_skew(tmp_path):
    """The last load of a packaging is a server's own, to which nobody has allowed anything."""
    (tmp_path / "model").mkdir()
    _older(tmp_path / "model", 0)

    with (
        pytest.warns(UserWarning, match=r"0\.24\.2"),
        pytest.raises(ArtifactError, match=r"saved by scikit-learn 0\.24\.2"),
    ):
        compile_model("featurizer", Settings(base=tmp_path, allow_skew=True))


class _Renamed:
    """Pickles as a StandardScaler whose state says that scikit-learn 0.24.2 wrote it."""

    def __init__(self, fitted):
        self.fitted = fitted

    def __reduce__(self):
        state = {**self.fitted.__dict__, "_sklearn_version": "0.24.2"}
        return (StandardScaler, (), state)


def _older(folder, compress):
    fitted = StandardScaler().fit(np.ones((2, 1)))
    joblib.dump(_Renamed(fitted), folder / "preprocess.joblib", compress=compress)


def test_the_label_is_known_after_a_training(model_dir, tmp_path):
    """The label's name, which only the training knows, reaches the input schema."""
    content = (model_dir / "preprocess.joblib").read_bytes()
    (tmp_path / "preprocess.joblib").write_bytes(content)
    (tmp_path / "training.json").write_text(json.dumps({"label": "y"}))

    assert model_fn(str(tmp_path)).schema.label == "y"
