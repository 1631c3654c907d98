"""Structured log lines on standard error: pretty for a person, JSON for a machine. Texts are never logged."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

import structlog


class Handler(logging.StreamHandler[TextIO]):
    """Gives a line up that its stream does not take: a full disk under the log must not hurt the work."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library calls by this name)
        """Say nothing of a stream that fails, there is nowhere to say it; other errors are bugs."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Route structlog and the standard library's loggers to one stream; call once per process.

    Args:
        level: the least severe level that is shown.
        stream: standard error where None, so that `--json` keeps standard output for itself.
    """
    out = stream if stream is not None else sys.stderr
    pid = os.getpid()

    def add_pid(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        line["pid"] = pid
        return line

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        add_pid,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if out.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    final: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not out.isatty():
        final.append(structlog.processors.format_exc_info)
    handler = Handler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger; events are past tense and constant, values are fields: `log.info("batch_classified", count=32)`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger
