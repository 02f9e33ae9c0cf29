"""XGBoost's prediction by its C interface: `inplace_predict` spends 60 us a call before it gets there."""

from __future__ import annotations

import ctypes
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xgboost as xgb
    from numpy.typing import NDArray

# NumPy's array interface, which the C interface reads arrays by.
_ARRAY = b'{"data":[%d,true],"shape":[%d,%d],"typestr":"<f4","version":3}'


class Dense:
    """A Booster's predictions for dense rows, safe from several threads at once.

    The function is XGBoosterPredictFromDense (XGBoost's C API reference, "Prediction"), the one
    that `inplace_predict` ends in; what that one makes anew for each call is made once here.
    """

    def __init__(self, booster: xgb.Booster, iterations: tuple[int, int]) -> None:
        self.booster = booster  # its handle lives as long as it does
        self.native = _native()
        begin, end = iterations
        asked = {
            "type": 0,
            "training": False,
            "iteration_begin": begin,
            "iteration_end": end,
            "missing": float("nan"),
            "strict_shape": False,
            "cache_id": 0,
        }
        self.asked = json.dumps(asked).encode()

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predictions, float32, shape (rows,) or (rows, classes), of features (rows, features).

        Raises:
            RuntimeError: XGBoost refuses; says why.

        """
        rows = np.ascontiguousarray(features, np.float32)
        shape = ctypes.POINTER(ctypes.c_uint64)()
        dimensions = ctypes.c_uint64()
        found = ctypes.POINTER(ctypes.c_float)()
        status = self.native.XGBoosterPredictFromDense(
            self.booster.handle,
            _ARRAY % (rows.ctypes.data, *rows.shape),
            self.asked,
            None,
            ctypes.byref(shape),
            ctypes.byref(dimensions),
            ctypes.byref(found),
        )
        if status:
            raise RuntimeError(self.native.XGBGetLastError().decode("utf-8", "replace"))
        lengths = shape[: dimensions.value]
        # XGBoost keeps the numbers for this thread until it predicts again.
        return np.ctypeslib.as_array(found, lengths).copy()


def _native() -> Any:
    """Load the library that the xgboost package has loaded, with prototypes of its own."""
    from xgboost.libpath import find_lib_path

    native = ctypes.CDLL(find_lib_path()[0])
    native.XGBGetLastError.restype = ctypes.c_char_p
    out = [ctypes.c_void_p] * 3
    native.XGBoosterPredictFromDense.argtypes = [
        *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p),
        *out,
    ]
    return native
