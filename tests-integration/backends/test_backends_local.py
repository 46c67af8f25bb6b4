"""Backends of this machine keep the contract of backends."""

from typing import ClassVar

from research_runner.testing import BackendContract


class TestInline(BackendContract):
    attempts_can_die = False
    options: ClassVar = {"workers": 1}

    def backend(self):
        return "inline"


class TestProcesses(BackendContract):
    def backend(self):
        return "processes"
