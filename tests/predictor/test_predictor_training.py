import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from predictor import model_fn, predict_fn
from predictor.training import train
from stagewire.training import Job, TrainingError

RNG = np.random.default_rng(3)
X = np.round(RNG.normal(size=(300, 2)), 3)
NUMBERS = [repr(float(value)) for value in X[:, 0] * 2 + X[:, 1]]
SIGNS = ["up" if value > 0 else "down" for value in X[:, 0]]


def text(labels, *, header="a,b,y"):
    """Write a channel's CSV: two features and a label for each of the first rows."""
    rows = [f"{a},{b},{label}" for (a, b), label in zip(X.tolist(), labels, strict=False)]
    return "\n".join([header, *rows]) + "\n"


def job(base, *, hyperparameters=None, **channels):
    """Lay a training job out as SageMaker does."""
    for name, content in channels.items():
        folder = base / "input" / "data" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.csv").write_text(content)
    (base / "input" / "config").mkdir(parents=True)
    values = json.dumps(hyperparameters or {})
    (base / "input" / "config" / "hyperparameters.json").write_text(values)
    return Job(base)


def scored(work):
    """Load what was trained, and let it predict its own training rows."""
    model = model_fn(str(work.model_dir))
    return model, predict_fn(work.channel("train").table(model.schema), model)


def test_a_regression(tmp_path):
    """Numbers in the last column make a regressor that has learned them."""
    work = job(tmp_path, train=text(NUMBERS))

    train(work)

    model, found = scored(work)
    error = found["prediction"] - np.array(NUMBERS, dtype=float)
    assert model.schema.names == ("a", "b")
    assert model.schema.label == "y"
    assert np.sqrt(np.mean(error**2)) < 0.5


@pytest.mark.parametrize(
    ("labels", "more", "classes"),
    [
        (SIGNS, {}, ("down", "up")),
        ([str(3 if s == "up" else 11) for s in SIGNS], {"task": "classification"}, (3, 11)),
        (["007" if s == "up" else "7" for s in SIGNS], {"task": "classification"}, ("007", "7")),
        ([s if a > -1 else "none" for s, a in zip(SIGNS, X[:, 0], strict=True)], {}, None),
    ],
)
def test_a_classification(tmp_path, labels, more, classes):
    """Text, integers and three classes train, and the classes come back as they were written."""
    work = job(tmp_path, train=text(labels), hyperparameters=more)

    train(work)

    model, found = scored(work)
    assert model.output.classes == (classes or ("down", "none", "up"))
    right = np.mean([str(each) for each in found["prediction"]] == np.array(labels))
    assert right > 0.95


def test_validation_stops_early(tmp_path):
    """With a validation channel only the rounds up to the best one are kept."""
    work = job(tmp_path, train=text(NUMBERS), validation=text(NUMBERS[:100]))

    train(work)

    model, _ = scored(work)
    assert model.booster.num_boosted_rounds() == model.signature.iterations[1]


def test_a_seed_decides(tmp_path):
    """The same seed gives the same file, another seed another one."""
    files = []
    for name, seed in (("one", "1"), ("same", "1"), ("other", "2")):
        work = job(tmp_path / name, train=text(NUMBERS), hyperparameters={"seed": seed})
        train(work)
        files.append((work.model_dir / "model.ubj").read_bytes())

    assert files[0] == files[1]
    assert files[0] != files[2]


def test_progress_is_said(tmp_path, caplog):
    """Every tenth round says its scores."""
    work = job(tmp_path, train=text(NUMBERS), hyperparameters={"num_round": "25"})
    caplog.set_level(logging.INFO)

    train(work)

    rounds = [r.fields["round"] for r in caplog.records if r.message == "progress"]
    assert rounds == [10, 20]


def test_names_that_xgboost_refuses(tmp_path):
    """A category like `<5` makes a feature name with a bracket, which survives."""
    work = job(tmp_path, train=text(NUMBERS, header="size_<5,[b],y"))

    train(work)

    model, _ = scored(work)
    assert model.schema.names == ("size_<5", "[b]")


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"max_dept": "3"}, "unknown hyperparameters .'max_dept'."),
        ({"label": "nosuch"}, "'nosuch' is not among"),
        ({"num_round": "0"}, "num_round has the value 0"),
        ({"eta": "fast"}, "eta has the value 'fast'"),
        ({"objective": "reg:nosuch"}, "XGBoost refuses: Unknown objective function: `reg:nosuch`"),
        ({"eta": "nan"}, "eta has the value 'nan'"),
        ({"task": "classification", "num_class": "2"}, "num_class has the value 2, the label has"),
        ({"task": "clustering"}, "task has the value 'clustering'"),
        (
            {"task": "regression", "objective": "multi:softmax"},
            "does not fit the task 'regression'",
        ),
        ({"objective": "binary:logistic"}, "takes 2 classes, the label has"),
    ],
)
def test_hyperparameters_that_cannot_be_used(tmp_path, hyperparameters, message):
    """Each is refused with its name and value."""
    work = job(tmp_path, train=text(NUMBERS), hyperparameters=hyperparameters)

    with pytest.raises(TrainingError, match=message):
        train(work)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({"validation": text(NUMBERS)}, "no channel 'train'"),
        ({"train": text(["1", "", "3", ""])}, r"'train' has rows without a label: \[1, 3\]"),
        ({"train": text(SIGNS), "validation": text(["side"])}, "'validation' has labels.*'side'"),
        ({"train": text(["up", "up"])}, "only one class"),
        ({"train": text(NUMBERS), "validation": "a,y\n1,2\n"}, "lacks the columns .'b'."),
        ({"train": "a,b,y\n1,1e39,2\n"}, "beyond float32: row 0, column 'b'"),
        ({"train": "a,b,y\nx,1,2\n"}, "row 0.*'a'.*'x'"),
        ({"train": "y\n1\n"}, "no feature beside the label"),
        ({"train": text(["1", "1e39"])}, "'train' has a label beyond float32: row 1, 1e.39"),
        ({"train": text(["1", "inf"])}, "row 1: column 'y' 'inf' is not finite"),
        ({"train": text(["1", "nan"])}, r"'train' has rows without a label: \[1\]"),
    ],
)
def test_data_that_cannot_be_used(tmp_path, channels, message):
    """Each fault is named with its channel, and its row where there is one."""
    work = job(tmp_path, **channels)

    with pytest.raises(TrainingError, match=message):
        train(work)


def test_xgboosts_other_parameters_reach_it(tmp_path):
    """Weights for rare classes, forests, quantiles: what SageMaker's own XGBoost takes is not unknown here."""
    asked = {
        "scale_pos_weight": "3.5",
        "num_parallel_tree": "2",
        "grow_policy": "lossguide",
        "max_leaves": "5",
        "num_class": "2",
        "num_round": "3",
    }
    work = job(tmp_path, train=text(SIGNS), hyperparameters=asked)

    train(work)

    model, _ = scored(work)
    learner = json.loads(model.booster.save_config())["learner"]
    leaves = [tree.count("leaf=") for tree in model.booster.get_dump()]
    assert learner["objective"]["reg_loss_param"]["scale_pos_weight"] == "3.5"
    assert (len(leaves), max(leaves)) == (6, 5)


def test_sagemakers_own_hyperparameters_are_passed_over(tmp_path):
    """What the SDK adds (sagemaker_program and the like) is not for XGBoost."""
    work = job(tmp_path, train=text(NUMBERS), hyperparameters={"sagemaker_region": "x"})

    train(work)

    assert (work.model_dir / "model.ubj").is_file()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_training_says_so(tmp_path, number):
    """SageMaker stops a job by SIGTERM, which a container's first process would ignore; the model is not half there."""
    channel = tmp_path / "input" / "data" / "train"
    channel.mkdir(parents=True)
    (channel / "train.csv").write_text("a,y\n" + "".join(f"{i},{i % 7}\n" for i in range(50)))
    settings = tmp_path / "input" / "config" / "hyperparameters.json"
    settings.parent.mkdir()
    settings.write_text('{"num_round": "1000000", "nthread": "1"}')
    environ = {**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path)}

    command = [sys.executable, "-m", "predictor", "train"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as running:
        assert any('"progress"' in line for line in running.stdout)
        running.send_signal(number)
        rest, _ = running.communicate(timeout=60)

    assert running.returncode == 128 + number
    assert f"stopped by {number.name}" in rest
    assert (tmp_path / "output" / "failure").read_text() == f"stopped by {number.name}\n"
    assert not (tmp_path / "model").exists()
