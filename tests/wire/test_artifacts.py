"""A model that cannot be served keeps `/ping` at 503 and says why; it never crashes in a loop without a word."""

from __future__ import annotations

import json

import pytest

STAGES = pytest.mark.parametrize("stage", ["featurizer", "predictor"])


def refused(start, stage, base, **environ):
    """Start a stage that will not be ready; returns its reason, as /metadata and the log have it."""
    server = start(stage, {"SAGEMAKER_BASE_DIR": base, **environ}, ready=False)
    metadata = server.send("GET", "/metadata").json()
    reply = server.send("POST", "/invocations", b"1", content_type="text/csv")
    assert (reply.status, reply.json()["error"]["code"]) == (503, "not_ready")
    assert server.stop() == 0
    logged = [json.loads(line)["message"] for line in server.lines]
    assert any(metadata["reason"] in line for line in logged)
    return metadata["reason"]


def model_file(base):
    """The one file that is not the manifest."""
    return next(p for p in (base / "model").iterdir() if p.name != "manifest.json")


@STAGES
def test_an_empty_model_directory_is_named(stage, start, tmp_path):
    """The reason says which directory, and what to put there."""
    (tmp_path / "model").mkdir()

    assert str(tmp_path / "model") in refused(start, stage, tmp_path)


@STAGES
def test_a_changed_file_is_refused(stage, start, copied):
    """A file whose hash is not the manifest's is not opened."""
    base = copied(stage)
    path = model_file(base)
    path.write_bytes(path.read_bytes() + b" ")

    assert "SHA-256" in refused(start, stage, base)


@STAGES
def test_a_missing_file_is_refused(stage, start, copied):
    """A file that the manifest lists must be there."""
    base = copied(stage)
    model_file(base).unlink()

    assert "absent" in refused(start, stage, base)


@STAGES
def test_a_broken_manifest_is_refused(stage, start, copied):
    """A manifest that cannot be read is not guessed at."""
    base = copied(stage)
    (base / "model" / "manifest.json").write_text("{")

    assert "manifest" in refused(start, stage, base)


def test_the_other_stages_artifact_is_refused(start, copied):
    """An artifact in the wrong container is told by its manifest."""
    assert "predictor" in refused(start, "featurizer", copied("predictor"))


def edited(base, change):
    """Change a manifest."""
    path = base / "model" / "manifest.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    return base


def test_a_scikit_learn_of_another_minor_version_is_refused(start, copied):
    """A joblib file is only sound in the version that wrote it, where no plan serves."""
    base = edited(copied("featurizer"), lambda m: m["versions"].update({"scikit-learn": "1.2.0"}))

    reason = refused(start, "featurizer", base, STAGEWIRE_PLAN="off")

    assert "1.2.0" in reason
    assert "STAGEWIRE_ALLOW_SKEW" in reason


def test_skew_can_be_allowed(start, copied):
    """The deployment may overrule, with a warning in the log."""
    base = edited(copied("featurizer"), lambda m: m["versions"].update({"scikit-learn": "1.2.0"}))

    environ = {"STAGEWIRE_PLAN": "off", "STAGEWIRE_ALLOW_SKEW": "1"}
    server = start("featurizer", {"SAGEMAKER_BASE_DIR": base, **environ})
    server.stop()

    assert any("1.2.0" in json.loads(line)["message"] for line in server.lines)


def test_another_xgboost_version_is_no_skew(start, copied):
    """UBJSON is read by every version that knows its format; golden rows prove the rest."""
    base = edited(copied("predictor"), lambda m: m["versions"].update({"xgboost-cpu": "1.0.0"}))

    server = start("predictor", {"SAGEMAKER_BASE_DIR": base})

    assert server.send("GET", "/ping").status == 200


@STAGES
def test_golden_rows_that_differ_are_refused(stage, start, copied):
    """One bit is enough, on the machine type that packaged."""

    def nudge(manifest):
        row = manifest["golden"]["output"]["data"][0]
        row[-1] = row[-1] + 1e-3

    assert "golden row 0" in refused(start, stage, edited(copied(stage), nudge))


@STAGES
def test_a_schema_that_is_not_the_models_is_refused(stage, start, copied):
    """What the manifest promises to callers must be what the model takes."""

    def rename(manifest):
        manifest["input"]["fields"][0]["name"] = "other"

    assert "input schema" in refused(start, stage, edited(copied(stage), rename))


@STAGES
def test_a_plain_bundle_is_served_with_a_warning(stage, start, copied, samples):
    """Somebody's own model without a manifest still loads; its schema comes from the model."""
    base = copied(stage)
    (base / "model" / "manifest.json").unlink()
    server = start(stage, {"SAGEMAKER_BASE_DIR": base})
    row = ",".join("" if value is None else str(value) for value in samples[stage][1][0])

    reply = server.send("POST", "/invocations", row.encode(), content_type="text/csv")
    server.stop()

    assert reply.status == 200
    assert any("no manifest" in json.loads(line)["message"] for line in server.lines)


def test_unmet_requirements_are_named_with_what_would_meet_them(start, tmp_path):
    """Nothing is installed at start: the reason gives the command that builds a derived image."""
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text("def model_fn(d): ...\ndef predict_fn(d, m): ...\n")
    (code / "requirements.txt").write_text("numpy\nxgboost>=2\nno-such-distribution==1\n")

    reason = refused(start, "predictor", tmp_path)

    assert "no-such-distribution==1" in reason
    # What is installed as xgboost-cpu is XGBoost.
    unmet = reason.split("which is not installed")[0].replace(str(code), "")
    assert "numpy" not in unmet
    assert "xgboost" not in unmet
    assert "docker build" in reason


def test_a_program_that_fails_says_how(start, tmp_path):
    """A user's own mistake is the reason, in one line."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "inference.py").write_text("import no_such_module\n")

    assert "no_such_module" in refused(start, "predictor", tmp_path)
