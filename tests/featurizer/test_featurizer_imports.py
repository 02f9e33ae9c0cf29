import subprocess
import sys


def test_importing_the_stage_loads_no_library():
    """`import featurizer` loads neither scikit-learn, pandas nor joblib: a plan may do without."""
    code = "import featurizer, sys; print(sorted({'sklearn','pandas','joblib','scipy'} & {*sys.modules}))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
