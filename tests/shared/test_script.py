from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import orjson
import pytest

from stagewire import loading, media, requirements
from stagewire.errors import ArtifactError, BadRows, Malformed, StageFailed
from stagewire.script import Context, Script, body_for, load, of, program, takes_context
from stagewire.settings import Settings
from stagewire.stage import Stage
from stagewire.testing import ask, stage_of

MODEL_FN = "def model_fn(model_dir):\n    return 2\n"


@pytest.fixture
def bundle(tmp_path):
    """Make a model directory with a user's program, and load it as a server would."""
    path = list(sys.path)

    def make(source: str, name: str = "inference.py", **settings):
        code = tmp_path / "model" / "code"
        code.mkdir(parents=True)
        (code / name).write_text(source)
        return loading.load("anything", Settings(base=tmp_path, **settings))

    yield make
    sys.path[:] = path


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text/csv", "str"),
        ("application/json", "str"),
        ("text/csv; charset=utf-8", "bytes"),
        ("application/jsonlines", "bytes"),
        ("image/png", "bytes"),
    ],
)
def test_input_fn_gets_text_for_exactly_two_types(bundle, kind, given):
    """The toolkit decodes text/csv and application/json and hands on any other type as bytes."""
    stage = bundle(
        MODEL_FN
        + "def input_fn(body, content_type):\n    return type(body).__name__ + ' ' + content_type\n"
        + "def predict_fn(data, model):\n    return data\n"
        + "def output_fn(found, accept):\n    return found, 'text/plain'\n"
    )

    assert ask(stage, b"x", kind) == (f"{given} {kind}".encode(), "text/plain")


def test_output_fn_may_return_a_body_alone(bundle):
    """Without a type of its own the answer has the one that was accepted, JSON where none was asked."""
    stage = bundle(
        MODEL_FN
        + "def input_fn(body, content_type):\n    return body\n"
        + "def predict_fn(data, model):\n    return data * model\n"
        + "def output_fn(found, accept):\n    return found\n"
    )

    assert ask(stage, b"ab", "text/csv") == (b"abab", "application/json")
    assert ask(stage, b"ab", "text/csv", "text/plain") == (b"abab", "text/plain")


def test_the_deployments_default_is_what_output_fn_is_asked_for(bundle):
    """SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT stands in where nothing or anything is accepted."""
    stage = bundle(
        MODEL_FN
        + "def predict_fn(data, model):\n    return data\n"
        + "def output_fn(found, accept):\n    return accept, 'text/plain'\n",
        default_accept="text/x-own",
    )

    assert [ask(stage, b"1\n", accept=each)[0] for each in (None, "*/*", "text/csv")] == [
        b"text/x-own",
        b"text/x-own",
        b"text/csv",
    ]


def test_bad_rows_never_reach_a_users_own_writer(regressor):
    """It knows nothing of rows that are null, so the request is refused whatever it says of them."""
    own = replace(regressor.script, output_fn=lambda found, _accept: str(len(found.columns)))
    stage = replace(regressor, script=own)

    with pytest.raises(BadRows, match="row 0"):
        ask(stage, b"x,2\n1,2\n", "text/csv; bad-rows=null")


def test_the_code_folder_is_looked_into_first(tmp_path):
    """A file that lies beside the model by chance does not hide the program."""
    (tmp_path / "code").mkdir()
    for folder in (tmp_path, tmp_path / "code"):
        (folder / "inference.py").write_text(MODEL_FN)

    assert program(tmp_path, None) == tmp_path / "code" / "inference.py"


def test_predict_fn_alone_takes_a_frame(bundle):
    """The defaults read every format and write the caller's; without a schema columns are x0, x1."""
    stage = bundle(
        MODEL_FN + "def predict_fn(data, model):\n    return (data['x0'] * model).to_numpy()\n"
    )

    assert ask(stage, b"1,a\n2,b\n") == (b"2.0\n4.0\n", "text/csv")
    assert ask(stage, b'{"instances": [[1]]}', "application/json")[0] == b'{"predictions":[2.0]}'


def test_transform_fn_instead_of_the_three(bundle):
    """One function may do it all, and may ask for the context."""
    stage = bundle(
        MODEL_FN
        + "def transform_fn(model, body, content_type, accept, context):\n"
        + "    return body + context.request_id, accept\n"
    )

    assert ask(stage, b"id:", "text/csv", "text/csv") == (b"id:test", "text/csv")


def test_a_context_tells_where_the_model_is(bundle, tmp_path):
    """model_fn may take the context, with the toolkit's names in it."""
    stage = bundle(
        "def model_fn(model_dir, context):\n    return context.system_properties['model_dir']\n"
        "def predict_fn(data, model):\n    return [0.0] * len(data)\n"
    )

    assert stage.model == str(tmp_path / "model")
    assert Context("", headers={"x-a": "1"}).get_request_header(0, "X-A") == "1"


def test_a_program_is_a_module_while_it_runs(bundle):
    """Dataclasses look their module up, where annotations are text: it is found as any import's is."""
    stage = bundle(
        "from __future__ import annotations\nfrom dataclasses import KW_ONLY, dataclass\n"
        "@dataclass\nclass Model:\n    _: KW_ONLY\n    factor: float = 2.0\n"
        "def model_fn(d):\n    return Model(factor=3.0)\n"
        "def predict_fn(data, model):\n    return [model.factor] * len(data)\n"
    )

    assert ask(stage, b"5\n")[0] == b"3.0\n"
    assert sys.modules[type(stage.model).__module__].Model is type(stage.model)


def test_a_program_that_cannot_be_run_is_no_module(bundle):
    """What ran in part is not left where an import would find it."""
    with pytest.raises(ArtifactError, match="ZeroDivisionError"):
        bundle("1 / 0\n", "broken.py", program="broken.py")

    assert "stagewire_user_broken" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "lacks model_fn and predict_fn"),
        (MODEL_FN, "lacks predict_fn"),
        (MODEL_FN + "def transform_fn(*a): ...\ndef input_fn(*a): ...\n", "one or the other"),
        ("import nothing_of_that_name\n", "cannot be run: ModuleNotFoundError"),
        ("def f(:\n", "cannot be run: SyntaxError"),
        (
            "def model_fn(d):\n    1 / 0\ndef predict_fn(d, m): ...\n",
            "model_fn failed .*ZeroDivision",
        ),
        ("raise SystemExit(3)\n", "cannot be run: SystemExit: 3"),
        (
            "def model_fn(d):\n    raise SystemExit('no model')\ndef predict_fn(d, m): ...\n",
            "model_fn failed .*SystemExit: no model",
        ),
        (MODEL_FN + "predict_fn = 5\n", "predict_fn is int, and not a function"),
        (MODEL_FN + "async def predict_fn(data, model): ...\n", "predict_fn is async"),
        (
            MODEL_FN + "def predict_fn(data): ...\n",
            r"cannot be called as predict_fn\(data, model\): too many positional arguments",
        ),
        (
            MODEL_FN + "def transform_fn(a, b, c, d, context, more): ...\n",
            r"cannot be called as transform_fn\(model, body, content_type, accept, context\)",
        ),
    ],
)
def test_a_program_that_cannot_be_used_is_refused(bundle, source, reason):
    """The reason names the file and what is wrong with it."""
    with pytest.raises(ArtifactError, match=reason):
        bundle(source)


def test_a_program_of_another_name(bundle):
    """SAGEMAKER_PROGRAM says which file it is, and files beside it can be imported."""
    source = (
        "import pathlib\n"
        + MODEL_FN
        + "def predict_fn(data, model):\n    return [1.0] * len(data)\n"
    )
    stage = bundle(source, "serve.py", program="serve.py")

    assert ask(stage, b"5\n")[0] == b"1.0\n"
    assert stage.script.user


@pytest.mark.parametrize("named", ["serve.py", "serve"])
def test_a_program_may_be_named_as_a_module(tmp_path, named):
    """The toolkit takes SAGEMAKER_PROGRAM with its suffix or without."""
    (tmp_path / "serve.py").touch()

    assert program(tmp_path, named) == tmp_path / "serve.py"


def test_a_program_is_one_module_by_its_own_name_too(bundle):
    """What helpers import and what unpickling looks up is the program that runs, not a second copy."""
    stage = bundle(
        "class Model:\n    pass\n"
        "def model_fn(d):\n    import own_program\n    return own_program.Model is Model\n"
        "def predict_fn(data, model): ...\n",
        "own_program.py",
        program="own_program.py",
    )

    assert stage.model is True


def test_a_second_program_of_the_name_takes_its_place(tmp_path):
    """Two archives in one process are each the program that their own pickles name."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same_name.py").write_text(
            f"ONE = {name!r}\n" + MODEL_FN + "predict_fn = max\n"
        )
        load(tmp_path / name / "same_name.py")

    assert sys.modules["same_name"].ONE == "two"


def test_a_program_that_cannot_be_run_leaves_its_traceback(bundle, caplog):
    """The last line alone does not tell which import of an import it was."""
    with pytest.raises(ArtifactError):
        bundle("def deep():\n    return {}['key']\ndeep()\n")

    assert "line 2, in deep" in caplog.text


@pytest.mark.parametrize(
    ("returned", "wanted"),
    [
        ("body, 'text/csv\\r\\nx-evil: 1'", "the content type 'text/csv"),
        ("body, 'text/csv\u00e9'", "the content type 'text/csv"),
        ("body, b'text/csv'", "the content type b'text/csv'"),
    ],
)
def test_a_content_type_that_no_header_can_carry_is_500(bundle, returned, wanted):
    """It would be another header, or the end of the connection."""
    stage = bundle(
        MODEL_FN + f"def transform_fn(model, body, kind, accept):\n    return {returned}\n"
    )

    with pytest.raises(StageFailed, match=wanted):
        ask(stage, b"1")


def test_an_accept_that_no_header_can_carry_is_the_callers_fault(bundle):
    """A body alone is answered as what was accepted, and only the caller chose that."""
    stage = bundle(
        MODEL_FN + "def transform_fn(model, body, kind, accept):\n    return body, None\n"
    )

    assert ask(stage, b"1", accept="text/csv") == (b"1", "text/csv")
    with pytest.raises(Malformed, match="Accept"):
        ask(stage, b"1", accept="text/csv\u00e9")


@pytest.mark.parametrize("own", ["", "def output_fn(found, accept):\n    return 'x'\n"])
def test_an_accept_by_default_that_cannot_be_answered_is_refused(bundle, own):
    """Every request without an Accept would be a 406; only a writer of one's own can know the type."""
    source = MODEL_FN + "def predict_fn(data, model): ...\n" + own
    wanted = {"default_accept": "image/png"}

    if own:
        assert bundle(source, **wanted).default_accept == "image/png"
    else:
        with pytest.raises(
            ArtifactError, match=r"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT .*image/png"
        ):
            bundle(source, **wanted)


def test_a_program_that_is_named_and_absent_is_refused(tmp_path):
    """SAGEMAKER_PROGRAM is a promise; nothing else is served in its stead."""
    with pytest.raises(ArtifactError, match=r"SAGEMAKER_PROGRAM is 'serve\.py'"):
        program(tmp_path, "serve.py")
    assert program(tmp_path, None) is None


@pytest.fixture
def required(tmp_path):
    """Ask for distributions by a requirements.txt; gives the refusal, None where all is met."""

    def ask_for(text: str | bytes) -> str | None:
        path = tmp_path / "requirements.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            requirements.check(path)
        except ArtifactError as error:
            return str(error)
        return None

    return ask_for


def test_unmet_requirements_are_named_and_not_installed(bundle, tmp_path):
    """code/requirements.txt is checked before the program is run."""
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "requirements.txt").write_text("no-such-thing==1\n")
    code.joinpath("inference.py").write_text("raise RuntimeError('never run')")

    with pytest.raises(ArtifactError, match=r"no-such-thing==1, .* docker build"):
        loading.load("anything", Settings(base=tmp_path))


@pytest.mark.parametrize(
    "line",
    [
        "numpy>=1  # met",
        "# a comment",
        "no-such; python_version<'3'",
        "httpx[http2]",
        "NumPy",
        "--prefer-binary",
        "-c no-such-file.txt",
        f"numpy>=1 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}",
        "numpy>=1 \\\r\n    --hash=sha256:00\r\nhttpx\r\n",
        "\ufeffnumpy",
    ],
)
def test_requirements_that_are_met_do_not_stand_in_the_way(required, line):
    """Markers, extras, options, a lock's hashes on lines of their own."""
    assert required(line) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("numpy>=1\nnumpy<1\nno-such-thing==1", "asks for numpy<1, no-such-thing==1, which"),
        ("git+https://example.com/x.git", "asks for git+https://example.com/x.git, which"),
        ("./wheels/x.whl", "asks for ./wheels/x.whl, which"),
        ("xgboost<2", "asks for xgboost<2, which"),
        ("-r no-such-file.txt", "no-such-file.txt"),
        (b"\xff\xfe\x00", "cannot be read: 'utf-8'"),
    ],
)
def test_requirements_that_are_not_met_are_named(required, text, named):
    """Also what only pip could tell, and a file that cannot be read."""
    assert named in required(text)


@pytest.mark.parametrize("option", ["-r more.txt", "-rmore.txt", "--requirement=more.txt"])
def test_requirements_of_an_included_file_count(required, tmp_path, option):
    """An unmet one would else be met with at the import, or never; files may include each other."""
    (tmp_path / "more.txt").write_text("-r requirements.txt\nno-such-thing==1")

    assert "asks for no-such-thing==1, which" in required(option)


def test_bytes_that_are_no_text_are_the_callers_fault():
    """A body that claims to be text/csv and is not UTF-8 is malformed, not our failure."""
    with pytest.raises(Malformed, match="utf-8"):
        body_for(b"\xff", "text/csv")


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (lambda _data, _model: 0, False),
        (lambda _data, _model, context: context, True),
        (lambda _data, _model, context=None: context, True),
        (lambda _data, _model, scale=2: scale, False),
        (lambda *args: args, False),
        (max, False),  # which has no signature
    ],
)
def test_the_context_goes_where_there_is_room_for_it(function, takes):
    """A third argument without a default, or one called context, gets it."""
    assert takes_context(function, 2) is takes


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([1.0], "1 results for 2 rows"),
        (np.ones((2, 1, 1)), r"shape \(2, 1, 1\)"),
        (3, r"int of shape \(\)"),
        (None, r"NoneType of shape \(\)"),
        ("ab", r"str of shape \(\)"),
        (b"ab", r"bytes of shape \(\)"),
    ],
)
def test_results_that_are_not_one_a_row_are_500(found, reason):
    """The stage's own mistake is told as such; text is no row of letters."""
    with pytest.raises(StageFailed, match=reason):
        ask(stage_of(lambda _table, _model: found), b"1\n2\n")


@pytest.mark.parametrize("found", ["None", "5.0", "'ab'", "{}", "iter([1])"])
def test_results_for_a_body_that_input_fn_read_are_one_a_row_too(bundle, found):
    """How many rows there were nobody knows, but none of these is a result a row."""
    stage = bundle(
        MODEL_FN
        + "def input_fn(body, content_type):\n    return body\n"
        + f"def predict_fn(data, model):\n    return {found}\n"
    )

    with pytest.raises(StageFailed, match=r"predict_fn returned .* one result per row is expected"):
        ask(stage, b"1\n2\n")


@pytest.mark.parametrize("found", [[5, 6], np.array([5, 6]), np.array([[5], [6]])])
def test_results_of_any_form(found):
    """A list, a 1-D array and a single column are predictions."""
    answer = ask(stage_of(lambda _table, _model: found), b"1\n2\n")

    assert answer == (b"5\n6\n", media.CSV)


def test_a_frame_with_a_prediction_column_is_named():
    """A DataFrame's columns keep their names, text and missing values."""

    def frame(data, _model):
        return data.assign(prediction=["a", None], score=[0.5, 1.0])[["prediction", "score"]]

    stage = stage_of(frame, takes_table=False)
    body = b'{"x": 1}\n{"x": 2}\n'

    rows = [orjson.loads(line) for line in ask(stage, body, media.JSONLINES)[0].splitlines()]
    assert rows == [
        {"x": 1, "prediction": "a", "score": 0.5},
        {"x": 2, "prediction": None, "score": 1.0},
    ]


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, StopIteration])
def test_what_a_program_raises_stays_inside(caplog, error):
    """The caller gets the exception's name and the request, the log its traceback."""

    def broken(_table, _model):
        raise error("a secret")

    with pytest.raises(StageFailed) as refused:
        ask(stage_of(broken), b"1\n")

    assert "secret" not in refused.value.message
    assert error.__name__ in refused.value.message
    assert "a secret" in caplog.text


def test_a_module_states_how_it_wants_to_be_called():
    """TAKES, INLINE_BYTES and PINNED of our own stages are read from the module."""
    module = ModuleType("one")
    module.model_fn = module.predict_fn = lambda *args: args
    module.TAKES, module.INLINE_BYTES, module.PINNED = "table", 5, ("numpy",)

    found = of(module)

    assert (found.takes_table, found.inline_bytes, found.pinned) == (True, 5, ("numpy",))


def test_a_stage_without_a_function_says_so():
    """A script made by hand without predict_fn answers 500, not a traceback."""
    with pytest.raises(StageFailed, match="no predict_fn"):
        ask(Stage("s", Script(lambda _: None), None), b"1\n")
