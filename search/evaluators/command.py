"""Accuracies from an external program."""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from collections.abc import Sequence

from ..spaces.space import Choice, Space
from .accuracy import Accuracy, EvaluationError, Evaluator

#: Characters of a program's error output that a message quotes.
_QUOTED = 500


class CommandEvaluator(Evaluator):
    """Runs a program for every choice; no shell sees what it is given.

    The program reads one JSON object from its standard input,

        {"space": "resnet9", "key": "stem=8,...", "choice": {"stem": 8, ...}}

    and writes one to its standard output: a number, or an object with `accuracy` and, if known,
    `uncertainty` and `source`. Accuracies go from 0 to 1. Its exit status is 0.

    Args:
        command: the program and its arguments.
        timeout: seconds after which it is killed.
        folder: in which it runs.

    Raises:
        EvaluationError: the command is empty or one text, or `timeout` is not above 0.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout: float = 3600.0,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(command, str) or not command:
            raise EvaluationError(
                f"command: expected a list of the program and its arguments, found {command!r}"
            )
        if not timeout > 0:
            raise EvaluationError(f"command: timeout: expected seconds above 0, found {timeout}")
        self.command, self.timeout, self.folder = tuple(command), timeout, folder

    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        """As `Evaluator.evaluate`: the program is asked once, in JSON, within `timeout`."""
        key = space.encode(choice)
        question = json.dumps({"space": space.name, "key": key, "choice": dict(choice)})
        start = time.perf_counter()
        answer = self._run(question, key)
        seconds = time.perf_counter() - start
        value = self._entry(answer, "accuracy", key)
        if value is None:
            raise self._error(key, f"expected 'accuracy', found {answer!r}")
        source = answer.get("source") if isinstance(answer, dict) else None
        return Accuracy(
            value,
            f"{self.command[0]}: {source}" if source else f"command {self.command[0]}",
            self._entry(answer, "uncertainty", key),
            seconds,
        )

    def _run(self, question: str, key: str) -> object:
        """What the program answers, parsed."""
        try:
            done = subprocess.run(
                self.command,
                input=question,
                capture_output=True,
                text=True,
                timeout=self.timeout,
                cwd=self.folder,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise self._error(key, f"no answer within {self.timeout:g} s; killed") from error
        except (OSError, ValueError) as error:
            raise self._error(key, f"it cannot be run: {error}") from error
        if done.returncode != 0:
            said = done.stderr.strip()[-_QUOTED:] or "nothing on its error output"
            raise self._error(key, f"exit status {done.returncode}: {said}")
        try:
            answer: object = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise self._error(
                key, f"expected JSON on its output, found {done.stdout[:_QUOTED]!r}"
            ) from error
        return answer

    def _entry(self, answer: object, name: str, key: str) -> float | None:
        """A number of the answer from 0 to 1; None where it has none."""
        if isinstance(answer, dict):
            value = answer.get(name)
        else:
            value = answer if name == "accuracy" else None
        if value is None:
            return None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0 <= value <= 1:
            raise self._error(key, f"{name}: expected a number from 0 to 1, found {value!r}")
        return float(value)

    def _error(self, key: str, what: str) -> EvaluationError:
        return EvaluationError(f"command {' '.join(self.command)}: for {key}: {what}")
