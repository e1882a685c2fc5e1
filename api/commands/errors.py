"""Exit codes, and what the user got wrong as one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from .. import output

NO, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn what the user got wrong into one message and an exit code.

    So too what Typer would answer with codes of its own: Ctrl-C, and a reader that has gone.
    """
    from ..frontend.errors import InputError
    from ..simulator.errors import (
        DoesNotFitError,
        InfeasibleError,
        NoMappingError,
        OutOfTimeError,
    )

    try:
        yield
    except (DoesNotFitError, NoMappingError, InfeasibleError, OutOfTimeError) as error:
        output.complain(str(error))
        raise typer.Exit(NO) from None
    except InputError as error:
        output.complain(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        output.complain("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        output.abandon()
        raise typer.Exit(BROKEN_PIPE) from None
