import json

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictor import plan as plans
from predictor import signature as signatures
from predictor.compiling import compile_plan, make
from predictor.engine import Engine
from predictor.links import LINKS
from predictor.model import load
from predictor.plan import Plan
from predictor.proof import prove
from predictor.tables import Tables
from predictor.trees import Trees, Unplanned
from predictor.walk import Walk
from stagewire.errors import ArtifactError

RNG = np.random.default_rng(11)
X = np.round(RNG.normal(size=(300, 4)), 1).astype(np.float32)
X[RNG.random(X.shape) < 0.1] = np.nan
SUM = np.nansum(X, axis=1)
THIRDS = np.digitize(SUM, np.quantile(SUM, [1 / 3, 2 / 3]))
LABELS = {
    "binary:hinge": SUM > 0,
    "binary:logistic": SUM > 0,
    "binary:logitraw": SUM > 0,
    "multi:softmax": THIRDS,
    "multi:softprob": THIRDS,
    "rank:map": SUM > 0,
    "rank:ndcg": THIRDS,
    "rank:pairwise": SUM > 0,
    "reg:logistic": SUM > 0,
}


def boost(objective="reg:squarederror", rounds=12, *, label=None, data=X, **parameters):
    """Train a Booster, on positive labels where the objective has no own."""
    label = LABELS.get(objective, np.exp(SUM / 4)) if label is None else label
    more = {"num_class": 3} if objective.startswith("multi:") else {}
    more |= {"quantile_alpha": 0.3} if objective == "reg:quantileerror" else {}
    matrix = xgb.DMatrix(data, label)
    given = {"objective": objective, "nthread": 1, "seed": 1, **more, **parameters}
    return xgb.train(given, matrix, rounds)


def planned(booster, tmp_path):
    """Return a Booster's plan and XGBoost itself."""
    path = tmp_path / "model.ubj"
    booster.save_model(path)
    signature = signatures.of(booster)
    return make(booster, signature), Engine(path, signature)


def both_kinds(plan):
    """Return the plan with tables and with a walk, whatever it chose."""
    walking = Plan(plan.trees, plan.signature)
    walking.leaves = Walk(plan.trees)
    return plan, walking


def bits(found):
    """Return what must be equal."""
    return (found.dtype, found.shape, found.tobytes())


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
cells = st.one_of(
    st.floats(-3, 3, width=32),
    finite,
    st.sampled_from([np.nan, -np.nan, 0.0, -0.0]),
    st.integers(-30, 30).map(lambda tenths: tenths / 10),
)
batches = st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=9)
boosters = st.builds(
    boost,
    st.sampled_from(["reg:squarederror", "binary:logistic", "multi:softprob", "count:poisson"]),
    st.integers(1, 15),
    max_depth=st.integers(1, 8),
    eta=st.sampled_from([0.1, 0.5, 1.0]),
    base_score=st.sampled_from([None, 0.25, 0.5]),
    num_parallel_tree=st.integers(1, 2),
    subsample=st.sampled_from([0.5, 1.0]),
    reg_lambda=st.sampled_from([0.0, 1.0]),
    min_child_weight=st.sampled_from([0, 1]),
    tree_method=st.sampled_from(["hist", "exact"]),
    grow_policy=st.just("depthwise"),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(booster=boosters, batch=batches)
def test_a_plan_is_its_booster(tmp_path, booster, batch):
    """Any gbtree Booster, any finite or missing cells: tables, walk and XGBoost give equal bits."""
    plan, engine = planned(booster, tmp_path)
    rows = np.array(batch, np.float32)

    found = [bits(each(rows)) for each in both_kinds(plan)]

    expected = booster.predict(xgb.DMatrix(rows, nthread=1))
    assert found == [bits(expected)] * 2
    assert bits(engine(rows)) == bits(expected)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=batches, seed=st.integers(0, 5))
def test_a_batch_is_its_rows(tmp_path, batch, seed):
    """A row gets the same bits alone, among others, and among so many that they go in chunks."""
    plan, _ = planned(boost("multi:softprob", seed=seed, subsample=0.5), tmp_path)
    rows = np.array(batch, np.float32)

    for each in both_kinds(plan):
        alone = np.concatenate([each(row[None]) for row in rows])
        many = each(np.tile(rows, (1500 // len(rows), 1)))

        assert alone.tobytes() == each(rows).tobytes()
        assert many.tobytes() == alone.tobytes() * (1500 // len(rows))


@pytest.mark.parametrize("objective", sorted(LINKS))
def test_every_objective_is_proven(tmp_path, objective):
    """Each objective that has a link is bit-equal over samples and edges."""
    plan, engine = planned(boost(objective, eta=1.0), tmp_path)

    for each in both_kinds(plan):
        assert prove(each, engine, X) > len(X)


@pytest.mark.parametrize("margin", [-200.0, -88.7, -88.0, -20.0, 20.0, 200.0])
def test_a_sigmoid_far_out(tmp_path, margin):
    """Where exp overflows or vanishes the probability is XGBoost's too, subnormals included."""
    booster = boost("binary:logistic", base_score=0.5)
    leaves = json.loads(booster.save_raw("json"))
    for tree in leaves["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_conditions"] = [
            number if left >= 0 else number + margin / 12
            for number, left in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
    booster.load_model(bytearray(json.dumps(leaves).encode()))
    plan, engine = planned(booster, tmp_path)

    found = plan(X)

    assert bits(found) == bits(engine(X))


def test_early_stopping_is_respected(tmp_path):
    """Rounds after the best one are not in the plan."""
    seen, held = xgb.DMatrix(X[:200], SUM[:200]), xgb.DMatrix(X[200:], SUM[200:])
    stop = {"evals": [(held, "held")], "early_stopping_rounds": 5, "verbose_eval": False}
    booster = xgb.train({"eta": 0.9, "nthread": 1}, seen, 60, **stop)
    plan, _ = planned(booster, tmp_path)

    found = plan(X)

    kept = booster.best_iteration + 1
    assert kept < booster.num_boosted_rounds()
    assert len(plan.trees.roots) == kept + 1
    assert bits(found) == bits(booster.predict(xgb.DMatrix(X), iteration_range=(0, kept)))


def test_trees_without_a_split(tmp_path):
    """A constant label makes lone leaves, and the plan gives their sum."""
    plan, engine = planned(boost(label=np.full(300, 7.0)), tmp_path)

    for each in both_kinds(plan):
        assert bits(each(X)) == bits(engine(X))


def test_many_leaves_are_walked(tmp_path):
    """A tree with more leaves than a word has bits goes the other way, to the same bits."""
    plan, engine = planned(boost(label=RNG.normal(size=300), max_depth=9), tmp_path)

    rows = prove(plan, engine, X)

    assert isinstance(plan.leaves, Walk)
    assert rows > len(X)


@pytest.mark.parametrize("depth", [1, 3, 4, 5, 6])
def test_few_leaves_have_tables(tmp_path, depth):
    """Words of 8 to 64 bits hold trees of up to depth 6."""
    noise = RNG.normal(size=300)
    plan, engine = planned(boost(label=noise, max_depth=depth, reg_lambda=0.0), tmp_path)

    rows = prove(plan, engine, X)

    assert isinstance(plan.leaves, Tables)
    assert rows > len(X)


def test_the_file_holds_the_plan(tmp_path):
    """Saved and loaded it predicts the same, and the file is the same to the byte each time."""
    booster = boost("multi:softprob")
    booster.set_attr(stagewire_classes=json.dumps(["a", "b", "c"]), stagewire_label="y")
    plan, _ = planned(booster, tmp_path)

    plan.save(tmp_path)

    first = (tmp_path / plans.NAME).read_bytes()
    again = plans.load(tmp_path)
    again.save(tmp_path)
    assert again.signature == plan.signature
    assert bits(again(X)) == bits(plan(X))
    assert (tmp_path / plans.NAME).read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 and no more"])
def test_a_file_that_is_no_plan(tmp_path, content):
    """It is refused by its name."""
    (tmp_path / plans.NAME).write_bytes(content)

    with pytest.raises(ArtifactError, match=r"plan\.npz cannot be read as a plan"):
        plans.load(tmp_path)


def test_a_plan_of_another_format(tmp_path):
    """A later format is refused, not guessed."""
    header = np.frombuffer(json.dumps({"format": 2}).encode(), np.uint8)
    np.savez(tmp_path / plans.NAME, header=header)

    with pytest.raises(ArtifactError, match="another format"):
        plans.load(tmp_path)


def categorical():
    """Train on a category, which XGBoost splits by sets."""
    parameters = {"max_cat_to_onehot": 1, "tree_method": "hist", "nthread": 1}
    kinds = np.column_stack([RNG.integers(0, 9, 300), X[:, 1:]]).astype(np.float32)
    matrix = xgb.DMatrix(
        kinds, kinds[:, 0] % 3, feature_types=["c", "q", "q", "q"], enable_categorical=True
    )
    return xgb.train(parameters, matrix, 5)


@pytest.mark.parametrize(
    ("booster", "reason"),
    [
        (lambda: boost(booster="dart", rate_drop=0.5), "the booster dart"),
        (categorical, "categorical splits"),
        (lambda: boost("multi:softprob", multi_strategy="multi_output_tree"), "several numbers"),
    ],
)
def test_what_has_no_plan_says_why(tmp_path, booster, reason):
    """There is then no file, and the record says what stands in the way."""
    booster().save_model(tmp_path / "model.ubj")
    (tmp_path / plans.NAME).write_bytes(b"of an older model")

    record = compile_plan(tmp_path, X, load(tmp_path).engine)

    assert record["proven"] is False
    assert reason in record["reason"]
    assert not (tmp_path / plans.NAME).exists()


def test_an_unknown_objective_has_no_plan(tmp_path):
    """Arithmetic that is not rebuilt here is left to XGBoost."""
    plan, _ = planned(boost(), tmp_path)
    strange = signatures.from_json({**plan.signature.as_json(), "objective": "reg:new"})

    with pytest.raises(Unplanned, match="reg:new"):
        Plan(plan.trees, strange)


@pytest.mark.parametrize("part", ["number", "missing_left"])
def test_a_proof_finds_one_wrong_node(tmp_path, part):
    """One threshold one float away, or one default turned round, in any single split, is found."""
    plan, engine = planned(boost(rounds=3, max_depth=3), tmp_path)
    splits = np.flatnonzero(plan.trees.feature >= 0)

    for node in splits:
        arrays = {name: getattr(plan.trees, name).copy() for name in plans.ARRAYS}
        wrong = arrays[part]
        wrong[node] = (
            ~wrong[node] if part == "missing_left" else np.nextafter(wrong[node], np.float32(9))
        )
        plan_of = Plan(Trees(**arrays, groups=1), plan.signature)

        with pytest.raises(Unplanned, match="rows differ"):
            prove(plan_of, engine, X[:1])


@np.errstate(over="ignore")
def nearly(margins):
    """Return the sigmoid, by NumPy's exp in double."""
    shares = np.exp(-margins[:, 0].astype(float)).astype(np.float32)
    return np.float32(1) / (shares + np.float32(1))


def test_a_proof_finds_another_exp(tmp_path):
    """NumPy's exp in double, rounded, is nearly XGBoost's, and nearly is found."""
    plan, engine = planned(boost("binary:logistic"), tmp_path)
    plan.link = nearly

    with pytest.raises(Unplanned, match="margins into other numbers than XGBoost"):
        prove(plan, engine, X[:1])


def test_a_proof_needs_no_samples(tmp_path):
    """Without training rows the edges alone prove it."""
    plan, engine = planned(boost(), tmp_path)

    assert prove(plan, engine, X[:0]) > 0
