from __future__ import annotations

import json

import pytest

from stagewire_pipeline import packaging
from stagewire_pipeline.child import Stages
from stagewire_pipeline.errors import ChildError, DataError, PackageError
from stagewire_pipeline.training import Plan, train

ROWS = [str(i) for i in range(60)]


@pytest.fixture
def plan(table, tmp_path):
    """The plainest training."""
    return Plan(data=table, out=tmp_path / "build")


def test_training_keeps_sagemakers_layout(plan, stages):
    """Both jobs have their settings as text and their channels; test rows are held out whole."""
    found = train(plan, stages)

    base = plan.out / "predictor"
    settings = json.loads((base / "input/config/hyperparameters.json").read_text())
    assert settings == {"label": "target", "seed": "0"}
    assert sorted(path.name for path in (base / "input/data").iterdir()) == [
        "test",
        "train",
        "validation",
    ]
    assert len((plan.out / "test.csv").read_text().splitlines()) == 7
    assert (found.score, found.skipped) == ({"rmse": 1.5, "rows": 3}, False)


def test_kinds_are_those_of_all_rows(plan, stages):
    """What one row alone tells of a column holds for every part; the other lists stay stated."""
    text = plan.data.read_text().replace("39.50,", "wide,")
    plan.data.write_text(text)

    found = train(plan, stages)

    base = plan.out / "featurizer"
    settings = json.loads((base / "input/config/hyperparameters.json").read_text())
    assert settings == {
        "label": "target",
        "numeric": '["code"]',
        "categorical": '["words", "size"]',
    }
    assert "'size' is taken as words" in found.kinds.notes[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_class_is_learned_or_held_out(table, tmp_path, stages, seed):
    """No row to watch while learning has a class that no row to learn from has."""
    lines = [f"{line},{'once' + str(i) if i % 3 else 'often'}" for i, line in enumerate(ROWS)]
    table.write_text("\n".join(["size,answer", *lines]))
    plan = Plan(data=table, out=tmp_path / "build", seed=seed)

    train(plan, stages)

    folder = plan.out / "featurizer/input/data"
    learned, watched = (
        {line.split(",")[1] for line in (folder / f"{name}/{name}.csv").read_text().splitlines()}
        for name in ("train", "validation")
    )
    assert watched <= learned


def test_a_class_a_row_is_refused(table, tmp_path, stages, lines):
    """A label without two rows of one class is refused in words, before anything starts."""
    table.write_text("\n".join(["size,answer", *(f"{i},id{i}" for i in range(40))]))

    with pytest.raises(DataError, match="'answer' has 40 classes in 40 rows"):
        train(Plan(data=table, out=tmp_path / "build"), stages)
    assert lines == []


def test_training_is_skipped_while_nothing_changed(plan, stages, lines):
    """A second run starts nothing; another seed, a lost file or force does."""
    train(plan, stages)
    lines.clear()

    again = train(plan, stages)
    assert (again.skipped, again.score["rmse"], lines) == (True, 1.5, [])
    assert not train(plan, stages, force=True).skipped
    (plan.out / "featurizer/model/weights").unlink()
    assert not train(plan, stages).skipped
    assert not train(Plan(data=plan.data, out=plan.out, seed=1), stages).skipped


@pytest.mark.parametrize("stage", ["featurizer", "predictor"])
@pytest.mark.parametrize("way", ["fail", "crash"])
def test_a_failing_stage_gives_its_reason(plan, stages, stage, way):
    """The text of output/failure, or else the last lines of output, is the error."""
    failing = Plan(data=plan.data, out=plan.out, extra={stage: {way: "no memory left"}})

    with pytest.raises(ChildError, match=f"(?s){stage} train ended with 1: .*no memory left"):
        train(failing, stages)
    assert not (plan.out / "train.json").exists()


def test_a_stage_that_is_not_installed_is_named(plan, environ):
    """The error names the stage and those that there are."""
    with pytest.raises(ChildError, match=r"'featurizer' is not installed .*installed: other"):
        train(plan, Stages({"other": "x"}, environ, print))


def test_packages_are_equal_to_the_byte_and_skipped(plan, stages):
    """A second packaging does nothing; one forced by a lost record gives the same digests."""
    train(plan, stages)

    first = packaging.package(plan.out, stages)
    second = packaging.package(plan.out, stages)
    (plan.out / "package.json").unlink()
    third = packaging.package(plan.out, stages)

    assert [each.skipped for each in (*first, *second, *third)] == [
        *(False, False),
        *(True, True),
        *(False, False),
    ]
    assert [each.sha256 for each in first] == [each.sha256 for each in third]
    assert packaging.read(plan.out, "featurizer").hop == {"options": "--hop-dtype float32"}


def test_stages_that_do_not_fit_are_refused(plan, stages):
    """Other columns out of stage 1 than into stage 2 stop the packaging, the column named."""
    train(
        Plan(data=plan.data, out=plan.out, extra={"predictor": {"columns": "a,c"}}),
        stages,
    )

    with pytest.raises(PackageError, match="column 'b' against 'c'"):
        packaging.package(plan.out, stages)


def test_nothing_trained_is_said(tmp_path, stages):
    """Packaging an empty folder names the command that fills it."""
    with pytest.raises(PackageError, match="stagewire train --out"):
        packaging.package(tmp_path, stages)
