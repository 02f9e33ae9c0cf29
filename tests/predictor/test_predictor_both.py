import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost as xgb

from predictor import compile_fn, model_fn, predict_fn
from predictor.both import FLOOR, SIZES, Both, crossover
from predictor.model import load
from predictor.plan import NAME
from stagewire import loading, manifest
from stagewire.compiling import compile_model
from stagewire.errors import ArtifactError
from stagewire.settings import Settings, read
from stagewire.start import Start
from stagewire.table import from_matrix

RNG = np.random.default_rng(5)
X = np.round(RNG.normal(size=(400, 3)), 2).astype(np.float32)
X[RNG.random(X.shape) < 0.05] = np.nan
LABELS = {"reg:squarederror": np.nansum(X, axis=1), "multi:softprob": (X[:, 0] > 0) + (X[:, 1] > 0)}


@pytest.fixture(params=sorted(LABELS))
def base(request, tmp_path):
    """A SageMaker directory with a trained model and the channel that it was trained on."""
    label = LABELS[request.param]
    more = {"num_class": 3} if request.param.startswith("multi") else {}
    parameters = {"objective": request.param, "nthread": 1, **more}
    names = ["a", "b", "c"]
    booster = xgb.train(parameters, xgb.DMatrix(X, label, feature_names=names), 20)
    booster.set_attr(stagewire_label="y")
    (tmp_path / "model").mkdir()
    booster.save_model(tmp_path / "model" / "model.ubj")
    lines = [
        ",".join(map(str, [*row, y])).replace("nan", "")
        for row, y in zip(X.tolist(), label.tolist(), strict=True)
    ]
    (tmp_path / "input/data/train").mkdir(parents=True)
    (tmp_path / "input/data/train/train.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    return tmp_path


@pytest.fixture
def artifact(base):
    """The same, compiled: with a proven plan and a manifest."""
    compile_model("predictor", Settings(base=base))
    return base / "model"


def rows(count):
    """Return that many rows of features."""
    return np.resize(X, (count, 3))


def test_packaging_proves_a_plan(artifact):
    """The manifest says that it is proven and by how many rows, and has the file's hash."""
    found = manifest.read(artifact)

    assert (found.proven, found.plan["kind"]) == (True, "tables")
    assert found.plan["rows"] > len(X)
    assert NAME in found.files


def test_few_rows_leave_xgboost_out(artifact):
    """A plan answers to the bit, and XGBoost is not even loaded."""
    model = load(artifact)

    found = model.raw(rows(100))

    assert not model.engine.ready
    assert found.tobytes() == model.engine(rows(100)).tobytes()


def test_the_columns_are_the_same_without_a_plan(artifact):
    """Schema, classes and predictions do not tell which way they were made."""
    fast, slow = model_fn(str(artifact)), model_fn(str(artifact), Start(str(artifact), plan=False))
    data = from_matrix(fast.schema.names, X)

    found, expected = predict_fn(data, fast), predict_fn(data, slow)

    assert isinstance(fast.scorer, Both)
    assert not isinstance(slow.scorer, Both)
    assert (fast.schema, fast.output, found.names) == (slow.schema, slow.output, expected.names)
    for one, other in zip(found.columns, expected.columns, strict=True):
        assert one.values.tobytes() == other.values.tobytes()
    assert fast.raw(X[:0]).shape == slow.raw(X[:0]).shape


def test_the_deployment_switches_the_plan_off(artifact):
    """STAGEWIRE_PLAN is read once, in any spelling that the settings take."""
    environ = {"SAGEMAKER_BASE_DIR": str(artifact.parent), "STAGEWIRE_PLAN": "OFF"}

    stage = loading.load("predictor", read(environ))

    assert stage.model.describe() == {"plan": "off", "reason": "STAGEWIRE_PLAN=off"}


def test_just_below_and_above_the_crossover(artifact):
    """The last batch of the plan and the first of XGBoost give a row the same bits."""
    model = load(artifact)
    model.scorer.warm().join()
    model.scorer.rows = 64

    found = [model.raw(rows(count)) for count in (63, 64, 65, 66)]

    assert model.engine.ready
    assert len({each[:63].tobytes() for each in found}) == 1


def test_a_large_batch_waits_for_nothing(artifact, caplog):
    """The first one goes through the plan while XGBoost loads; then a calibration is logged."""
    caplog.set_level(logging.INFO)
    model = load(artifact)
    many = rows(model.scorer.rows + 1)

    first = model.raw(many)
    model.scorer.warm().join()

    assert first.tobytes() == model.raw(many).tobytes() == model.engine(many).tobytes()
    [logged] = [r.fields["crossover"] for r in caplog.records if r.message == "xgboost loaded"]
    assert logged == model.scorer.rows
    assert logged in SIZES


def test_xgboost_is_loaded_once(artifact):
    """However many large batches come meanwhile."""
    model = load(artifact)

    threads = {model.scorer.warm() for _ in range(9)}

    assert len(threads) == 1
    threads.pop().join()


def test_the_plan_goes_on_without_xgboost(artifact, caplog):
    """A Booster that cannot be loaded is logged, and large batches are answered all the same."""
    model = load(artifact)
    expected = load(artifact).engine(rows(2000))
    (artifact / "model.ubj").write_bytes(b"")

    found = [model.raw(rows(2000))]
    model.scorer.warm().join()
    found.append(model.raw(rows(2000)))

    assert [each.tobytes() for each in found] == [expected.tobytes()] * 2
    assert "XGBoost cannot be loaded" in caplog.text


class Clock:
    """A clock that goes on only when a scorer works, by what its rows cost."""

    def __init__(self):
        self.now = 0.0

    def scorer(self, *, call, row, held_up=()):
        """Return a scorer of a fixed and a marginal cost, which others hold up at some sizes."""

        def score(features):
            self.now += call + row * len(features) + 1e6 * (len(features) in held_up)
            return features

        return score


@pytest.mark.parametrize(
    ("row", "expected"), [(2.0, 128), (0.5, SIZES[-1]), (300.0, 0)], ids=["some", "all", "none"]
)
def test_the_crossover_is_where_times_cross(row, expected):
    """The largest size at which the plan takes no longer; XGBoost costs 200 and 1 a row."""
    clock = Clock()

    found = crossover(
        clock.scorer(call=0, row=row), clock.scorer(call=200, row=1), 3, clock=lambda: clock.now
    )

    assert found == expected


@pytest.mark.parametrize("size", [size for size in SIZES if size < 128])
def test_one_size_held_up_decides_nothing(size):
    """While a busy thread makes the plan look slow at one size, the next one is still tried."""
    clock = Clock()
    plan = clock.scorer(call=0, row=2.0, held_up=[size])

    found = crossover(plan, clock.scorer(call=200, row=1), 3, clock=lambda: clock.now)

    assert found == 128


def test_few_rows_stay_the_plans(artifact):
    """However slow the plan seems, a calibration under load never sends single rows to XGBoost."""
    model = load(artifact)
    clock = Clock()
    slow, fast = clock.scorer(call=1e6, row=0), clock.scorer(call=1, row=0)
    slow.signature, fast.booster, fast.ready = model.scorer.plan.signature, None, True
    both = Both(slow, fast, clock=lambda: clock.now)

    both.warm().join()

    assert both.rows == FLOOR == 32


def test_threads_agree_while_xgboost_loads(artifact):
    """Batches of every size, from several threads, before, while and after it comes in."""
    model = load(artifact)
    sizes = [1, 40, 300, 900] * 20

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda size: model.raw(rows(size)), sizes))

    model.scorer.warm().join()
    expected = model.engine(rows(900))
    assert all(
        each.tobytes() == expected[:size].tobytes() for each, size in zip(found, sizes, strict=True)
    )


def test_a_model_says_how_it_serves(artifact):
    """Up to how many rows the plan serves, and why where it does not."""
    planned = load(artifact).describe()
    off = load(artifact, Start(str(artifact), plan=False)).describe()

    assert planned == {"plan": "on", "kind": "tables", "crossover": 256, "xgboost_loaded": False}
    assert off == {"plan": "off", "reason": "STAGEWIRE_PLAN=off"}


def test_unproven_is_not_used(artifact):
    """A plan's file counts for nothing where the manifest does not say that it is proven."""
    path = artifact / "manifest.json"
    stated = json.loads(path.read_text())
    path.write_text(json.dumps({**stated, "plan": {"proven": False, "reason": "dart"}}))

    model = load(artifact)

    assert not isinstance(model.scorer, Both)
    assert model.describe() == {"plan": "off", "reason": "dart"}


def test_a_broken_plan_is_refused(artifact):
    """It is not quietly passed over, since the manifest promises it."""
    (artifact / NAME).write_bytes(b"")

    with pytest.raises(ArtifactError, match=r"plan\.npz cannot be read"):
        load(artifact)


def test_compile_fn_takes_no_rows(base):
    """Without a training channel the edges of the trees are the proof."""
    folder = str(base / "model")

    record = compile_fn(folder, from_matrix(("a", "b", "c"), X[:0]), model_fn(folder))

    assert record["proven"] is True


def test_a_lean_process_imports_no_library(artifact):
    """Loading, its checks, the golden rows and a request of few rows need NumPy alone."""
    code = (
        "import sys; from pathlib import Path; from stagewire import loading;"
        "from stagewire.settings import Settings; from stagewire.script import Context;"
        f"stage = loading.load('predictor', Settings(base=Path({str(artifact.parent)!r})));"
        "stage.answer(b'1,2,3\\n' * 9, 'text/csv', None, Context('', 'r'));"
        "heavy = {'xgboost', 'sklearn', 'pandas', 'scipy', 'pyarrow'};"
        "print(sorted(heavy & {*sys.modules}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
