"""Capture of what experiments print: Python, C libraries and child processes alike.

For the time of a task the file descriptors of stdout and stderr lead into a spool, a plain file. From there
the text goes to its targets in whole lines: ten times a second while the task runs, and at its end. A file
never blocks its writers, so even C code that holds the interpreter cannot get stuck, and what was written
survives the death of the worker: `recover_output` delivers it.

Layout: ``redirect`` names the targets, ``capture`` catches output, ``_delivery`` copies it to the targets,
``branches`` tells experiments in one process apart.
"""

from research_runner.worker.output._delivery import CapturedText
from research_runner.worker.output.capture import DEFAULT_CAP_BYTES, OutputCapture, capture_fd, recover_output
from research_runner.worker.output.redirect import STDERR, STDOUT, STREAMS, Redirect, Target, task_targets

__all__ = [
    "DEFAULT_CAP_BYTES",
    "STDERR",
    "STDOUT",
    "STREAMS",
    "CapturedText",
    "OutputCapture",
    "Redirect",
    "Target",
    "capture_fd",
    "recover_output",
    "task_targets",
]
