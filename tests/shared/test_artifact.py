from __future__ import annotations

import platform
from dataclasses import replace

import numpy as np
import orjson
import pytest

from stagewire import golden, loading, manifest
from stagewire.errors import ArtifactError
from stagewire.manifest import Manifest
from stagewire.schema import Schema, schema
from stagewire.settings import Settings
from stagewire.table import Column, Role, Table, objects

INPUT = schema([("color", "string"), ("size", "float64")], label="price")
OUTPUT = schema([("prediction", "float32")], task="regression")
ROWS = Table((Column("color", objects(["a", None])), Column("size", np.array([0.1, np.nan]))), 2)


FIRST = np.array([True, False])


def predict(table: Table, scale: float = 1) -> Table:
    """Give a third of the size, as float32."""
    values = (np.nan_to_num(table["size"], nan=3) / 3 * scale).astype(np.float32)
    return Table((Column("prediction", values, Role.PREDICTION),), table.rows)


@pytest.fixture
def artifact(tmp_path):
    """A model directory with one file and its manifest."""
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    (model / "model.bin").write_bytes(b"weights")
    found = Manifest(
        "stub",
        INPUT,
        OUTPUT,
        versions=manifest.installed(),
        files=manifest.digests(model),
        hop={"dtype": "float32"},
        golden=golden.record(ROWS, predict(ROWS)),
    )
    manifest.write(model, found)
    return model, found


def test_a_manifest_is_read_as_it_was_written(artifact):
    """Every part survives the file."""
    model, found = artifact

    assert manifest.read(model) == replace(found, golden=orjson.loads(orjson.dumps(found.golden)))
    assert set(found.files) == {"model.bin"}
    assert {"numpy", "pandas", "stagewire"} <= set(found.versions)


def test_only_the_manifest_itself_is_not_hashed(artifact):
    """A file of the same name further down is a file like any other."""
    model, _ = artifact
    (model / "code" / "manifest.json").write_text("{}")

    assert set(manifest.digests(model)) == {"model.bin", "code/manifest.json"}


def test_what_python_compiles_is_not_hashed(artifact):
    """A program's cached bytecode is another file on every machine."""
    model, found = artifact
    (model / "code" / "__pycache__").mkdir()
    (model / "code" / "__pycache__" / "inference.pyc").write_bytes(b"made here")

    assert manifest.digests(model) == found.files


def test_a_directory_without_a_manifest_has_none(tmp_path):
    """A plain bundle is not an error."""
    assert manifest.read(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read as a manifest"),
        ("[]", "cannot be read as a manifest"),
        ("{}", "cannot be read as a manifest"),
        ('{"format": 99}', "format 99; this version of stagewire reads format 1"),
        ('{"format": 1, "stage": "s", "input": {"fields": [1]}}', "schema that cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path, text, reason):
    """The reason names the file and what to do."""
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(ArtifactError, match=reason):
        manifest.read(tmp_path)


@pytest.mark.parametrize("part", ["versions", "files", "hop", "golden", "plan"])
@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_a_manifest_whose_parts_are_no_objects_is_refused(artifact, part, value):
    """It would else be a reason that names no file, or a /metadata that cannot be shown."""
    model, found = artifact
    (model / "manifest.json").write_bytes(orjson.dumps({**found.as_json(), part: value}))

    with pytest.raises(ArtifactError, match=r"manifest\.json cannot be read as a manifest"):
        manifest.read(model)


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found["output"]["data"][0].pop(),
        lambda found: found["output"].update(data=[5]),
        lambda found: found.update(output="text"),
        lambda found: found.pop("input"),
        lambda found: found.pop("machine"),
    ],
)
def test_golden_rows_that_are_none_are_refused(artifact, damage):
    """A manifest that somebody wrote by hand is told from a model that computes otherwise."""
    _, found = artifact
    rows = orjson.loads(orjson.dumps(found.golden))
    damage(rows)

    with pytest.raises(ArtifactError, match="golden rows cannot be read"):
        golden.check(rows, INPUT, predict, skew=True)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda model: (model / "model.bin").unlink(), "is absent"),
        (lambda model: (model / "model.bin").write_bytes(b"others!"), "SHA-256 differs"),
    ],
)
def test_files_are_compared_with_their_digests(artifact, damage, reason):
    """A file that is gone or changed is named."""
    model, found = artifact
    manifest.check(found, model, stage="stub", pinned=(), skew=False)

    damage(model)

    with pytest.raises(ArtifactError, match=f"model.bin .*{reason}|model.bin {reason}"):
        manifest.check(found, model, stage="stub", pinned=(), skew=True)


def test_an_artifact_of_another_stage_is_refused(artifact):
    """A predictor's archive in the featurizer's place is the commonest mix-up."""
    model, found = artifact

    with pytest.raises(ArtifactError, match="of the stage 'stub', but this stage is 'other'"):
        manifest.check(found, model, stage="other", pinned=(), skew=False)


@pytest.mark.parametrize(
    ("version", "agrees"), [("2.4.0", True), ("2.4.99", True), ("2.3.6", False), ("3.4.6", False)]
)
def test_pinned_libraries_must_have_the_same_minor_version(artifact, caplog, version, agrees):
    """One 2.4.x reads what 2.4.y wrote; another minor version is refused, or warned of where allowed."""
    model, found = artifact
    found = replace(found, versions={**found.versions, "numpy": version})

    if agrees:
        manifest.check(found, model, stage="stub", pinned=("numpy",), skew=False)
        # Of a library that the manifest does not know, no version can be another one.
        unknown = replace(found, versions={})
        manifest.check(unknown, model, stage="stub", pinned=("numpy",), skew=False)
        return
    with pytest.raises(ArtifactError, match="STAGEWIRE_ALLOW_SKEW=1"):
        manifest.check(found, model, stage="stub", pinned=("numpy",), skew=False)
    manifest.check(found, model, stage="stub", pinned=("numpy",), skew=True)
    manifest.check(found, model, stage="stub", pinned=(), skew=False)

    assert f"numpy {version}" in caplog.text


def test_golden_rows_agree_to_the_bit(artifact):
    """What was recorded is computed again from the file; text, missing values and float32 survive."""
    model, _ = artifact
    rows = manifest.read(model).golden

    golden.check(rows, INPUT, predict, skew=False)
    with pytest.raises(ArtifactError, match="golden row 0: 'prediction'"):
        golden.check(rows, INPUT, lambda table: predict(table, 1 + 2e-7), skew=False)
    golden.check(rows, INPUT, lambda table: predict(table, 2), skew=True)


def test_golden_rows_must_have_the_same_columns(artifact):
    """A model that gives other columns, or fewer, is not the one that was packaged."""
    model, _ = artifact
    rows = manifest.read(model).golden

    for other in (lambda table: Table((), table.rows), lambda table: predict(table.take(FIRST))):
        with pytest.raises(ArtifactError, match=r"golden rows give \d rows of"):
            golden.check(rows, INPUT, other, skew=False)


def test_golden_rows_of_another_machine_may_differ_in_the_last_bits(artifact):
    """Off the architecture that packaged, 1e-6 relative is allowed and no more."""
    model, _ = artifact
    rows = {**manifest.read(model).golden, "machine": f"not {platform.machine()}"}

    golden.check(rows, INPUT, lambda table: predict(table, 1 + 5e-7), skew=False)
    with pytest.raises(ArtifactError, match="golden row"):
        golden.check(rows, INPUT, lambda table: predict(table, 1 + 1e-5), skew=False)


def test_golden_rows_near_zero_are_compared_by_their_size_too():
    """A probability of 1e-9 that was 2e-9 is another model's."""
    small = golden.record(ROWS, predict(ROWS, 1e-9))
    rows = {**small, "machine": f"not {platform.machine()}"}

    golden.check(rows, INPUT, lambda table: predict(table, 1e-9 * (1 + 5e-7)), skew=False)
    with pytest.raises(ArtifactError, match="golden row 0"):
        golden.check(rows, INPUT, lambda table: predict(table, 2e-9), skew=False)


def test_schemas_are_compared_by_name_and_kind():
    """A float64 column may feed a float32 one; another name, order, kind or count may not."""
    single = schema([("color", "string"), ("size", "float32")])

    assert Schema.from_json(INPUT.as_json()) == INPUT
    assert INPUT.mismatch(single) is None
    assert "2 columns against 1" in INPUT.mismatch(OUTPUT)
    assert "'color' against 'size'" in INPUT.mismatch(Schema(INPUT.fields[::-1]))
    assert "string against float64" in INPUT.mismatch(
        schema([("color", "float64"), ("size", "float64")])
    )


def test_names_that_only_number_columns_say_nothing():
    """A model that was fitted on an array calls them f0, f1: it fits whatever gives as many numbers."""
    array = schema([("f0", "float32"), ("f1", "float32")])
    numbers = schema([("a", "float64"), ("b", "float64")])

    assert (numbers.mismatch(array), array.mismatch(numbers)) == (None, None)
    assert "string against float32" in INPUT.mismatch(array)
    assert "'a' against 'f1'" in numbers.mismatch(schema([("f1", "float32"), ("f0", "float32")]))


def test_a_column_is_found_by_its_name_in_any_case():
    """An exact name wins; names that differ in case or outer blanks alone need it."""
    twins = schema([("ab", "float64"), ("AB", "float64"), ("b", "float64"), (" b", "float64")])

    found = [twins.position(name) for name in ("ab", "AB", "b", " b", "Ab", "B", "c")]

    assert found == [0, 1, 2, 3, None, None, None]


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.mkdir()])
def test_an_empty_model_directory_is_refused(tmp_path, make):
    """Nothing mounted, or nothing unpacked: the reason says which directory."""
    make(tmp_path / "model")

    with pytest.raises(ArtifactError, match="holds no model"):
        loading.load("stub", Settings(base=tmp_path))


def test_a_stage_that_is_not_installed_is_refused(artifact, tmp_path):
    """The reason lists the stages that are."""
    with pytest.raises(ArtifactError, match="no stage 'stub' is installed; there are: "):
        loading.load("stub", Settings(base=tmp_path))


@pytest.mark.parametrize(("hop", "dtype"), [(False, None), (True, "float32")])
def test_a_users_program_takes_the_schemas_of_its_manifest(artifact, tmp_path, hop, dtype):
    """A manifest beside code/inference.py is checked, and its schemas and hop type hold."""
    model, found = artifact
    (model / "code" / "inference.py").write_text(
        "def model_fn(d): ...\ndef predict_fn(data, model):\n    return data['size'].to_numpy()\n"
    )

    stage = loading.load("stub", Settings(base=tmp_path, hop=hop))

    assert (stage.input, stage.output, stage.hop_dtype) == (found.input, found.output, dtype)
    with pytest.raises(ArtifactError, match="this stage is 'other'"):
        loading.load("other", Settings(base=tmp_path))


def compiled(_model_dir, samples, _model):
    """Return what a stage's compile_fn may: a record for the manifest."""
    return {"proven": True, "rows": samples.rows, "columns": list(samples.names)}


def test_what_compile_fn_returns_stands_in_the_manifest(artifact):
    """A plan's record survives the file, and tells whether it is proven."""
    model, found = artifact
    manifest.write(model, replace(found, plan=compiled(model, ROWS, None)))

    written = manifest.read(model)

    assert (found.proven, written.proven) == (False, True)
    assert written.plan == {"proven": True, "rows": 2, "columns": ["color", "size"]}
