import warnings
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from featurizer.plan import file
from featurizer.plan.assemble import assemble
from featurizer.plan.edges import edges
from featurizer.plan.proof import prove, prove_few, same
from featurizer.plan.symbols import Unplanned
from featurizer.planned import Planned
from featurizer.preprocess import describe
from stagewire.errors import ArtifactError, BadRows
from stagewire.table import Column, Table

# Explaining a failure takes minutes here. Drawn nestings that no plan can do are thrown away, and so are those that scikit-learn refuses.
searching = settings(
    max_examples=50,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def models(transformer):
    """Make the featurizer of scikit-learn and that of the plan, if there are both."""
    try:
        reference = describe(transformer, Path("preprocess.joblib"))
        plan = assemble(reference.transformer, reference.schema)
    except ArtifactError:
        event("the transformer does not name its features")
        assume(condition=False)
    except Unplanned as reason:
        event(f"no plan: {reason}")
        assume(condition=False)
    return Planned(plan, reference.schema, reference.output, lambda: reference), reference


def asked(rows, fit, model):
    """Keep the columns that a model asks for; one fitted on an array calls them x0, x1 and so on."""
    names = fit.names if model.reference.named else [f"x{i}" for i in range(len(fit.names))]
    columns = [
        Column(name, rows[own])
        for name, own in zip(names, fit.names, strict=True)
        if name in model.schema.names
    ]
    # A text column that was empty at the fit counts as a number, and gets no text to compute with.
    numeric = {field.name: field.numeric for field in model.schema.fields}
    assume(all(numeric[column.name] == (column.values.dtype.kind == "f") for column in columns))
    return Table(tuple(columns), rows.rows)


def attempt(model, data):
    """Return the features, or the rows that are refused with their reasons."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return model(data), None
        except BadRows as error:
            return None, error.rows


@searching
@given(data=st.data())
def test_features_are_scikit_learns_to_the_bit(fitted, rows, data):
    """Any nesting, any rows: the same bits, the sign of zero too, or the same rows refused alike."""
    transformer, fit = data.draw(fitted)
    plan, reference = models(transformer)
    table = asked(data.draw(rows), fit, plan)

    found, refused = attempt(plan, table)

    expected, expected_refused = attempt(reference, table)
    assert refused == expected_refused
    assert refused or (found.shape == expected.shape and same(found, expected).all())


@searching
@given(data=st.data())
def test_a_row_on_pythons_numbers_is_a_row_of_arrays(fitted, rows, data):
    """Any nesting, any rows: what is computed one by one has the bits of the batch, or is left to it."""
    transformer, fit = data.draw(fitted)
    plan, _ = models(transformer)
    table = asked(data.draw(rows), fit, plan)

    event(f"one by one: {plan.scalar is not None}")

    prove_few(plan, table)


@searching
@given(data=st.data())
def test_a_batch_is_its_rows(fitted, rows, data):
    """A plan gives a row the same bits alone as among others, and refuses it alone or not at all."""
    transformer, fit = data.draw(fitted)
    plan, _ = models(transformer)
    table = asked(data.draw(rows), fit, plan)

    together, refused = attempt(plan, table)

    alone = [attempt(plan, table.take(mask)) for mask in np.eye(table.rows, dtype=bool)]
    bad = [row for row, (_, errors) in enumerate(alone) if errors]
    assert bad == [error.row for error in refused or ()]
    assert refused or together.tobytes() == np.vstack([row for row, _ in alone]).tobytes()


@searching
@given(data=st.data())
def test_a_plan_is_read_as_it_was_written(tmp_path_factory, fitted, rows, data):
    """The files hold all of a plan, and no pickle."""
    transformer, fit = data.draw(fitted)
    plan, _ = models(transformer)
    table = asked(data.draw(rows), fit, plan)
    folder = tmp_path_factory.mktemp("plan")

    file.write(folder, plan.plan, plan.schema, plan.output)

    again = Planned(*file.read(folder), plan.load)
    (found, refused), (expected, wanted) = attempt(again, table), attempt(plan, table)
    assert (again.schema, again.output) == (plan.schema, plan.output)
    assert refused == wanted
    assert refused or found.tobytes() == expected.tobytes()


@settings(searching, max_examples=25)
@given(data=st.data())
def test_a_plan_is_proven_at_its_edges(fitted, data):
    """The proof of packaging holds for every plan, on the rows of the fit and on edge rows."""
    transformer, fit = data.draw(fitted)
    plan, reference = models(transformer)
    table = asked(fit, fit, plan)

    proof = prove(plan, reference, edges(plan.plan, plan.schema, table), alone=2)

    assert proof.rows > len(plan.schema.fields)
