import asyncio
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import KNNImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from featurizer import compile_fn, model_fn, predict_fn
from featurizer.model import COST
from featurizer.planned import Planned
from featurizer.training import train
from stagewire import loading, manifest
from stagewire.compiling import compile_model
from stagewire.errors import BadRows
from stagewire.offload import Offload
from stagewire.settings import Settings, read
from stagewire.start import Start
from stagewire.table import Column, Role, Table, objects
from stagewire.testing import ask
from stagewire.training import Job

ROWS = "size,width,colour,grade\n" + "".join(
    f"{i / 7},{'' if i % 5 == 0 else i * 3},{('red', 'green', '', 'NA')[i % 4]},{i % 2}\n"
    for i in range(40)
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A trained and compiled featurizer, laid out as SageMaker does."""
    folder = tmp_path_factory.mktemp("base")
    channel = folder / "input" / "data" / "train"
    channel.mkdir(parents=True)
    (channel / "train.csv").write_text(ROWS)
    train(Job(folder))
    compile_model("featurizer", Settings(base=folder))
    return folder


def frame(*, count=30):
    """Rows of a number with something missing, and a text."""
    numbers = np.where(np.arange(count) % 7 == 3, np.nan, np.arange(count) / 3)
    words = objects(["x", "y", None][i % 3] for i in range(count))
    return Table((Column("a", numbers), Column("c", words)), count)


def compiled(folder, transformer, samples=None):
    """Save a transformer fitted on rows as packaging finds it, and compile it."""
    samples = samples or frame()
    joblib.dump(transformer, folder / "preprocess.joblib")
    model = model_fn(str(folder))
    record = compile_fn(str(folder), samples, model)
    found = manifest.Manifest(
        "featurizer", model.schema, model.output, {}, manifest.digests(folder), plan=record
    )
    manifest.write(folder, found)
    return record


def unplanned(folder):
    """Load a model as a deployment without plans does."""
    return model_fn(str(folder), Start(str(folder), plan=False))


def refusing():
    """A transformer that refuses unknown categories in two encoders."""
    parts = [
        ("n", "passthrough", ["a"]),
        ("o", OrdinalEncoder(), ["c"]),
        ("h", OneHotEncoder(handle_unknown="error"), ["c"]),
    ]
    return ColumnTransformer(parts).fit(frame().frame(Role.FEATURE))


def test_the_manifest_holds_the_proof(base):
    """How many rows of training and of edges agreed, with digests of their features."""
    plan = manifest.read(base / "model").plan

    assert plan["proven"] is True
    assert plan["training"]["rows"] == 40
    assert plan["edges"]["rows"] > 40
    assert len(plan["training"]["sha256"]) == 64


def test_a_proven_plan_serves_without_scikit_learn(base):
    """Loading and answering import none of the heavy libraries, and the loop may do small bodies."""
    code = (
        "import sys, json; from stagewire import loading, settings; from stagewire.testing import ask\n"
        "stage = loading.load('featurizer', settings.read())\n"
        "body, kind = ask(stage, b'1.5,2,red')\n"
        "heavy = {'sklearn', 'scipy', 'pandas', 'joblib', 'pyarrow'} & {*sys.modules}\n"
        "print(json.dumps([sorted(heavy), stage.inline_bytes, body.decode()]))"
    )

    environ = {"SAGEMAKER_BASE_DIR": str(base)}
    done = subprocess.run(
        [sys.executable, "-Ic", code], capture_output=True, text=True, check=True, env=environ
    )

    heavy, inline, body = json.loads(done.stdout.splitlines()[-1])
    assert (heavy, inline) == ([], 16 * 1024)
    assert body == ask(loading.load("featurizer", Settings(base=base)), b"1.5,2,red")[0].decode()


def test_the_plan_can_be_switched_off(base):
    """STAGEWIRE_PLAN=off serves scikit-learn, with the same bits."""
    table = Job(base).channel("train").table(manifest.read(base / "model").input)
    model = model_fn(str(base / "model"))

    plain = unplanned(base / "model")

    assert (isinstance(model, Planned), isinstance(plain, Planned)) == (True, False)
    found, expected = (predict_fn(table, each).matrix() for each in (model, plain))
    assert found.tobytes() == expected.tobytes()


def test_the_deployment_switches_it_off(base):
    """STAGEWIRE_PLAN is read once, in any spelling that the settings take."""
    stage = loading.load(
        "featurizer", read({"SAGEMAKER_BASE_DIR": str(base), "STAGEWIRE_PLAN": "OFF"})
    )

    assert stage.model.describe() == {"plan": "off", "reason": "STAGEWIRE_PLAN=off", "cost": COST}


def test_a_plan_needs_no_version_of_scikit_learn(base):
    """An artifact that was packaged with another scikit-learn serves by its plan."""
    found = manifest.read(base / "model")

    older = replace(found, versions={**found.versions, "scikit-learn": "0.24.2"})

    manifest.write(base / "model", older)
    stage = loading.load("featurizer", Settings(base=base))
    manifest.write(base / "model", found)
    assert isinstance(stage.model, Planned)


def test_a_plan_without_a_manifest_is_not_used(base, tmp_path):
    """A plan without proof is left alone."""
    for path in (base / "model").iterdir():
        if path.name != manifest.NAME:
            (tmp_path / path.name).write_bytes(path.read_bytes())

    model = model_fn(str(tmp_path))

    assert not isinstance(model, Planned)


def test_a_damaged_plan_is_not_used(tmp_path, caplog):
    """scikit-learn serves instead, and the log says why."""
    compiled(tmp_path, refusing())
    (tmp_path / "plan.npz").write_bytes(b"PK")

    model = model_fn(str(tmp_path))

    assert not isinstance(model, Planned)
    assert "served without its plan" in caplog.text


@pytest.mark.parametrize(
    ("step", "name", "reason"),
    [
        (KNNImputer(), "KNNImputer", "none of the steps"),
        (
            FunctionTransformer(np.sign, feature_names_out="one-to-one"),
            "FunctionTransformer",
            "function of its own",
        ),
    ],
)
def test_what_has_no_plan_says_why(tmp_path, step, name, reason):
    """The manifest names the step and the reason, and scikit-learn serves."""
    chain = make_pipeline(StandardScaler(), step)
    fitted = ColumnTransformer([("n", chain, ["a"])]).fit(frame().frame(Role.FEATURE))

    record = compiled(tmp_path, fitted)

    assert (record["proven"], record["step"]) == (False, name)
    assert reason in record["reason"]
    assert "4 ms" in record["cost"]
    assert not (tmp_path / "plan.json").exists()
    assert not isinstance(model_fn(str(tmp_path)), Planned)


@pytest.mark.parametrize("kind", ["int64", "int8", "bool", "float32"])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ],
    ids=["one-hot", "ordinal"],
)
def test_encoders_fitted_on_other_numbers_have_a_plan(tmp_path, encoder, kind):
    """Categories of any numeric dtype meet float64 in serving, which an unknown or missing one is."""
    codes = Table((Column("a", np.arange(30) % 2.0),), 30)
    fitted = encoder.fit(codes.frame(Role.FEATURE).astype(kind))

    record = compiled(tmp_path, fitted, codes)

    odd = Table((Column("a", np.array([0.0, 1.0, 0.5, np.nan])),), 4)
    assert record["proven"]
    assert model_fn(str(tmp_path))(odd).tobytes() == unplanned(tmp_path)(odd).tobytes()


def test_nothing_is_proven_without_rows(tmp_path):
    """A plan that was never compared is not used."""
    record = compiled(tmp_path, refusing(), frame(count=0))

    assert (record["proven"], record["step"]) == (False, "the proof")


def test_refused_rows_are_scikit_learns(tmp_path):
    """The plan names the rows that scikit-learn refuses, with its own words, and all of them."""
    compiled(tmp_path, refusing())
    words = [*["x", "p", None, "it's", "long" * 1000], *["q"] * 150]
    table = Table((Column("a", np.zeros(155)), Column("c", objects(words))), 155)

    with pytest.raises(BadRows) as found:
        model_fn(str(tmp_path))(table)
    with pytest.raises(BadRows) as expected:
        unplanned(tmp_path)(table)

    assert len(found.value.rows) == 153
    assert max(len(row.reason) for row in found.value.rows) == 200
    assert found.value.rows[:100] == expected.value.rows


def test_numbers_beyond_the_plan_go_to_scikit_learn(tmp_path):
    """What would overflow between two steps is refused by the step that scikit-learn refuses it in."""
    chain = make_pipeline(StandardScaler(), MinMaxScaler())
    small = Table((Column("a", np.arange(30) * 1e-9), Column("c", frame()["c"])), 30)
    record = compiled(
        tmp_path,
        ColumnTransformer([("n", chain, ["a"])]).fit(small.frame(Role.FEATURE)),
        small,
    )
    model = model_fn(str(tmp_path))
    table = Table((Column("a", np.array([0.0, 1e308])),), 2)

    with (
        pytest.warns(RuntimeWarning, match="overflow"),
        pytest.raises(BadRows, match="refuses 1 row") as refused,
    ):
        model(table)

    async def on_the_loop():
        with pytest.raises(Offload):
            model(table)

    asyncio.run(on_the_loop())
    assert record["proven"]
    assert [row.row for row in refused.value.rows] == [1]
    assert "infinity" in refused.value.rows[0].reason


def test_a_sparse_result_has_no_negative_zero(tmp_path):
    """A sparse matrix drops zeros of both signs, and they come back positive; the plan knows."""
    parts = [("n", "passthrough", ["a"]), ("h", OneHotEncoder(handle_unknown="ignore"), ["c"])]
    numbers = np.tile([0.0, -0.0, 1.0], 10)
    rows = Table((Column("a", numbers), Column("c", objects(map(str, range(30))))), 30)
    fitted = ColumnTransformer(parts, sparse_threshold=1).fit(rows.frame(Role.FEATURE))

    record = compiled(tmp_path, fitted, rows)

    assert fitted.sparse_output_
    assert record["proven"]
    assert not np.signbit(model_fn(str(tmp_path))(rows)).any()


def test_columns_in_any_order(tmp_path):
    """Columns are taken by name."""
    compiled(tmp_path, refusing())
    model, table = model_fn(str(tmp_path)), frame()

    turned = replace(table, columns=table.columns[::-1])

    assert model(turned).tobytes() == model(table).tobytes()


def test_a_model_says_how_it_serves(base, tmp_path):
    """The plan says what it leaves to scikit-learn; a model without one says why."""
    folder = base / "model"

    planned = model_fn(str(folder)).describe()
    off = unplanned(folder).describe()
    shutil.copy(folder / "preprocess.joblib", tmp_path)
    unproven = model_fn(str(tmp_path)).describe()

    assert (planned["plan"], planned["one_by_one"]) == ("on", 16)
    assert "number beyond 1.7" in planned["left_to_scikit_learn"]
    assert off == {"plan": "off", "reason": "STAGEWIRE_PLAN=off", "cost": COST}
    assert unproven == {
        "plan": "off",
        "reason": "there is no manifest that proves one",
        "cost": COST,
    }


def test_a_model_names_the_step_without_a_plan(base, tmp_path):
    """What packaging noted of a step is what the model says: step, reason and cost."""
    shutil.copytree(base / "model", tmp_path, dirs_exist_ok=True)
    noted = {"step": "KNNImputer", "reason": "is none of the steps", "cost": "about 4 ms a request"}
    found = manifest.read(tmp_path)
    manifest.write(tmp_path, replace(found, plan={"proven": False, **noted}))

    described = model_fn(str(tmp_path)).describe()

    assert described == {"plan": "off", **noted}
