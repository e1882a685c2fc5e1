"""Accuracy evaluators: where a network's accuracy comes from."""

from __future__ import annotations

from .accuracy import Accuracy, EvaluationError, Evaluator
from .command import CommandEvaluator
from .datasets import Dataset, load_dataset, make_dataset
from .predictor import CrossValidation, PredictorEvaluator
from .published import load_accel_nasbench, load_nasbench201, load_nasbench_macro
from .table import Entry, TableEvaluator, load_table
from .train import TrainEvaluator, Training

__all__ = [
    "Accuracy",
    "CommandEvaluator",
    "CrossValidation",
    "Dataset",
    "Entry",
    "EvaluationError",
    "Evaluator",
    "PredictorEvaluator",
    "TableEvaluator",
    "TrainEvaluator",
    "Training",
    "load_accel_nasbench",
    "load_dataset",
    "load_nasbench201",
    "load_nasbench_macro",
    "load_table",
    "make_dataset",
]
