"""Training in parts: what was broken off after an epoch goes on from there, to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytorch.core.training import Trainer
from tinytorch.perf.acceleration import accelerate

__all__ = ["Course", "completed"]

Watch = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Training that depends on no state but the trainer's, so that it can be gone on with.

    Attributes:
        trainer: What trains; its first epochs may be over.
        epochs: How many there are in all.
        batches: Gives those of an epoch, counted from 0: the same whenever it is asked.
        accelerated: Whether ops run their compiled twins, where there are any: worth the compiling in long training.
    """

    trainer: Trainer
    epochs: int
    batches: Callable[[int], Iterable[tuple[Any, ...]]]
    accelerated: bool = False


def completed(course: Course, path: Path | None = None, watch: Watch = lambda *_: None) -> Any:
    """Train up to the last epoch, and leave the model in inference mode.

    Args:
        course: What is left of it is gone through.
        path: Where the state after each epoch is kept, and taken from if it is there; it is removed in the end.
        watch: Told before each epoch, and after the last, how many are over and the loss; it may raise to break off.

    Returns:
        The model.
    """
    trainer, told = course.trainer, ""
    if path is not None and path.is_file():
        trainer.load_checkpoint(path)
    with accelerate() if course.accelerated else nullcontext():
        while trainer.epoch < course.epochs:
            watch(trainer.epoch, course.epochs, told)
            told = f"loss {trainer.train_epoch(course.batches(trainer.epoch)):.4f}"
            if path is not None:
                trainer.save_checkpoint(path)
    watch(course.epochs, course.epochs, told)
    if path is not None:
        path.unlink(missing_ok=True)
    return trainer.model.eval()
