import subprocess
import sys


def test_importing_the_stage_loads_no_library():
    """`import predictor` loads neither XGBoost nor scikit-learn nor pandas."""
    code = "import predictor, sys; print(sorted({'xgboost','sklearn','pandas','scipy'} & {*sys.modules}))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
