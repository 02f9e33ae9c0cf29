"""Scores of a training as it goes, a line every ten rounds, where XGBoost would print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xgboost.callback import TrainingCallback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire.training import Job

# A thousand rounds make a hundred lines: enough to watch, few enough to read.
EVERY = 10


class Progress(TrainingCallback):
    """Says the latest scores of every channel through the job."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]
    ) -> bool:
        """Say the scores of every tenth round; never stop the training."""
        del model
        if (epoch + 1) % EVERY == 0:
            self.job.say("progress", round=epoch + 1, **latest(evals_log))
        return False


def latest(log: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, float]:
    """Return the last score of every channel and metric, as `train_rmse`."""
    return {
        f"{channel}_{metric}": float(scores[-1])
        for channel, metrics in log.items()
        for metric, scores in metrics.items()
    }
