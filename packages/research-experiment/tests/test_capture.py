"""What experiments print stays with them, also in threads; everybody else sees no difference."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
import threading

import pytest

from research_experiment import EC, E, Executor, Experiment, Hook, Streams, TextCapture


def speak(text):
    print("out", text)
    sys.stdout.write(f"written {text}\n")
    sys.stderr.write(f"err {text}\n")
    logging.lastResort.emit(logging.makeLogRecord({"msg": f"logged {text}", "levelno": logging.ERROR}))


def expected_out(text):
    return f"out {text}\nwritten {text}\n"


@pytest.mark.parametrize("target", ["for", "threads"])
def test_streams_of_branches_never_mix(target, capsys):
    barrier = threading.Barrier(3)

    def speak_together(text):
        if target == "threads":
            barrier.wait(timeout=30)
        speak(text)

    experiment = Experiment().add_callable("speak", speak_together, args=[EC("x")])
    capture = TextCapture()
    executor = Executor(
        experiment, configs=[{"x": x} for x in "abc"], n_iters=20, target=target, capture=capture
    ).run()
    for running, text in zip(executor.experiments, "abc", strict=True):
        assert running.failure is None
        assert capture.stdout[running.id] == expected_out(text) * 20
        err = capture.stderr[running.id]
        assert err == f"err {text}\nlogged {text}\n" * 20
    assert capsys.readouterr() == ("", "")


SCRIPT = """
import logging, sys, warnings
from research_experiment import EC, Executor, Experiment, TextCapture

def unit(x):
    warnings.warn(f"warned {x}")
    logging.getLogger("mine").error("logged %s", x)
    print("printed", x)

capture = TextCapture()
experiment = Experiment().add_callable("unit", unit, args=[EC("x")])
executor = Executor(experiment, configs=[{"x": x} for x in "ab"], target="threads", capture=capture).run()
for running, x in zip(executor.experiments, "ab"):
    err = capture.stderr[running.id]
    assert f"UserWarning: warned {x}" in err and f"logged {x}" in err, err
    assert err.count("warned") == 2 and err.count("logged") == 1, err  # the line and its source
    assert capture.stdout[running.id] == f"printed {x}\\n"
print("nothing else")
"""


def test_warnings_and_logs_of_a_process_go_to_their_experiments(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-W", "always", str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "nothing else\n", "")


def test_standard_streams_are_restored_exactly_and_untouched_without_capture():
    before = sys.stdout, sys.stderr
    seen = []
    experiment = Experiment().add_callable("look", lambda: seen.append((sys.stdout, sys.stderr)))
    Executor(experiment).run()
    assert seen == [before]
    Executor(experiment, capture=TextCapture()).run()
    assert seen[1][0] is not before[0]
    assert (sys.stdout, sys.stderr) == before
    failing = Experiment().add_callable("leave", leave)
    with pytest.raises(KeyboardInterrupt):
        Executor(failing, capture=TextCapture()).run()
    assert (sys.stdout, sys.stderr) == before


def leave():
    raise KeyboardInterrupt


def test_bytes_are_caught_as_the_text_that_they_are():
    def write():
        print("text", end=" ")
        sys.stdout.buffer.write(b"caf\xc3\xa9 \xff\n")
        sys.stdout.buffer.flush()

    capture = TextCapture()
    (running,) = Executor(Experiment().add_callable("write", write), capture=capture).run().experiments
    assert running.failure is None
    assert capture.stdout[running.id] == "text caf\xe9 \ufffd\n"


def test_other_threads_and_hooks_between_units_go_past(capsys):
    ready, done = threading.Event(), threading.Event()

    def stranger():
        ready.wait(timeout=30)
        print("stranger")
        done.set()

    def unit():
        print("unit")
        ready.set()
        done.wait(timeout=30)

    class Loud(Hook):
        def iterated(self, experiment):
            print("hook")

    thread = threading.Thread(target=stranger)
    thread.start()
    capture = TextCapture()
    executor = Executor(Experiment().add_callable("unit", unit), capture=capture, hooks=[Loud()]).run()
    thread.join()
    assert capture.stdout[executor.experiments[0].id] == "unit\n"
    assert capsys.readouterr().out == "stranger\nhook\n"


def test_thread_that_is_given_the_context_belongs_to_the_experiment():
    import contextvars

    def unit():
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(print, "inner"))
        thread.start()
        thread.join()

    capture = TextCapture()
    executor = Executor(Experiment().add_callable("unit", unit), capture=capture).run()
    assert capture.stdout[executor.experiments[0].id] == "inner\n"


@pytest.mark.parametrize("target", ["for", "threads"])
def test_output_of_nested_executors_belongs_to_the_outer_experiment_unless_they_catch_it(target):
    inner_capture = TextCapture()

    def nest(name, caught):
        capture = inner_capture if caught else None
        inner = Experiment().add_callable("inner", print, args=[EC("x")])
        configs = [{"x": f"{name} inner {i}"} for i in (0, 1)]
        Executor(inner, configs=configs, target=target, capture=capture).run()
        print(name, "after")

    experiment = (
        Experiment()
        .add_callable("plain", nest, args=[EC("x"), False])
        .add_callable("own", nest, args=[EC("x"), True])
    )
    capture = TextCapture()
    executor = Executor(experiment, configs=[{"x": "a"}, {"x": "b"}], target=target, capture=capture).run()
    for running, name in zip(executor.experiments, "ab", strict=True):
        lines = capture.stdout[running.id].splitlines()
        assert sorted(lines) == sorted(
            [f"{name} inner 0", f"{name} inner 1", f"{name} after", f"{name} after"]
        )
    assert sorted("".join(inner_capture.stdout.values()).split("\n")[:-1])[0] == "a inner 0"


def test_root_prints_for_all_of_its_branches_and_instances_print_for_their_owner():
    def make(text):
        print("made", text)

    experiment = (
        Experiment()
        .add_instance("shared", make, text="shared", root=True)
        .add_instance("own", make, text=EC("x"))
        .add_callable("load", print, args=["loaded"], root=True)
        .add_callable("use", print, args=["used", EC("x")])
    )
    capture = TextCapture()
    executor = Executor(experiment, configs=[{"x": 1}, {"x": 2}], target="for", capture=capture).run()
    assert [capture.stdout[running.id] for running in executor.experiments] == [
        "made shared\nmade 1\nloaded\nused 1\n",
        "made shared\nmade 2\nloaded\nused 2\n",
    ]


def test_capture_is_asked_once_per_branch_and_once_for_the_root():
    asked = []

    class Asked(TextCapture):
        def streams(self, experiment_ids):
            asked.append(experiment_ids)
            return super().streams(experiment_ids)

    experiment = Experiment().add_callable("r", print, root=True).add_callable("b", print)
    executor = Executor(experiment, configs=[{"x": 1}, {"x": 2}], n_iters=3, capture=Asked()).run()
    first, second = (running.id for running in executor.experiments)
    assert asked == [(first,), (second,), (first, second)]


def test_stream_that_is_left_open_goes_past(capsys):
    class Half:
        def __init__(self):
            self.file = io.StringIO()

        def streams(self, experiment_ids):
            return Streams(stderr=self.file)

    capture = Half()
    Executor(Experiment().add_callable("speak", speak, args=["x"]), capture=capture).run()
    assert "err x" in capture.file.getvalue()
    assert capsys.readouterr() == (expected_out("x"), "")


def test_failure_is_logged_to_the_stream_of_its_experiment():
    handler = logging.StreamHandler(stream=Late())
    logger = logging.getLogger("research.experiment")
    logger.addHandler(handler)
    try:
        capture = TextCapture()
        experiment = Experiment().add_callable("bad", lambda x: 1 / x, args=[EC("x")])
        executor = Executor(experiment, configs=[{"x": 0}, {"x": 1}], capture=capture).run()
    finally:
        logger.removeHandler(handler)
    first, second = executor.experiments
    assert "ZeroDivisionError" in capture.stderr[first.id]
    assert capture.stderr[second.id] == ""


class Late:
    """Looks up the standard error when it writes."""

    def write(self, text):
        sys.stderr.write(text)

    def flush(self):
        sys.stderr.flush()


def test_user_may_replace_and_restore_the_stream_inside_a_unit():
    def unit():
        buffer = io.StringIO()
        with contextlib.redirect_stdout(buffer):
            print("hidden")
        print("seen", buffer.getvalue().strip())

    capture = TextCapture()
    executor = Executor(Experiment().add_callable("unit", unit), capture=capture).run()
    assert capture.stdout[executor.experiments[0].id] == "seen hidden\n"


def test_replacing_the_stream_around_the_end_of_an_executor_leaves_things_usable(capsys):
    entered, leave_now = threading.Event(), threading.Event()

    def unit():
        entered.set()
        leave_now.wait(timeout=30)

    executor = Executor(Experiment().add_callable("unit", unit), capture=TextCapture())
    thread = threading.Thread(target=executor.run)
    before = sys.stdout
    thread.start()
    entered.wait(timeout=30)
    buffer = io.StringIO()
    with contextlib.redirect_stdout(buffer):
        leave_now.set()
        thread.join()
        print("into the buffer")
    print("still printing")
    capture = TextCapture()
    again = Executor(Experiment().add_callable("unit", print, args=["caught"]), capture=capture).run()
    assert buffer.getvalue() == "into the buffer\n"
    assert capsys.readouterr().out == "still printing\n"
    assert capture.stdout[again.experiments[0].id] == "caught\n"
    assert sys.stdout is before


def test_routing_stream_is_a_text_file_like_the_one_it_stands_for(tmp_path):
    facts = {}

    def unit():
        out = sys.stdout
        facts.update(tty=out.isatty(), encoding=out.encoding, errors=out.errors, writable=out.writable())
        with pytest.raises(io.UnsupportedOperation):
            out.fileno()
        with pytest.raises(TypeError):
            out.write(b"bytes")
        out.writelines(["a", "b"])
        print("c", flush=True)
        out.close()
        print("still open", out.closed)

    capture = TextCapture()
    executor = Executor(Experiment().add_callable("unit", unit), capture=capture).run()
    assert executor.experiments[0].failure is None
    assert capture.stdout[executor.experiments[0].id] == "abc\nstill open False\n"
    assert facts == {"tty": False, "encoding": "utf-8", "errors": None, "writable": True}
    with (tmp_path / "log").open("w+", encoding="latin-1") as file:

        class Files:
            def streams(self, experiment_ids):
                return Streams(stdout=file)

        def look():
            facts.update(fileno=sys.stdout.fileno(), encoding=sys.stdout.encoding)
            sys.stdout.buffer.write(b"raw")

        assert (
            not Executor(Experiment().add_callable("look", look), capture=Files())
            .run()
            .experiments[0]
            .failure
        )
        assert facts["fileno"] == file.fileno()
        assert facts["encoding"] == "latin-1"


def test_streams_are_flushed_at_the_end_and_never_closed():
    events = []

    class Stream:
        def write(self, text):
            events.append(text)

        def flush(self):
            events.append("flush")

        def __len__(self):
            return 0

    class Own:
        def streams(self, experiment_ids):
            return Streams(stdout=Stream())

    Executor(Experiment().add_callable("p", print, args=["x"]), capture=Own()).run()
    assert events == ["x", "\n", "flush"]


def test_stream_that_cannot_be_flushed_changes_nothing(caplog):
    class Full(io.StringIO):
        def flush(self):
            raise OSError("no space left on device")

    class Disk:
        def streams(self, experiment_ids):
            return Streams(stdout=Full())

    executor = Executor(Experiment().add_callable("p", print, args=["x"]), capture=Disk()).run()
    assert not executor.experiments[0].is_failed
    assert "could not be flushed" in caplog.text


def test_variables_of_the_context_stay_with_their_branch():
    import contextvars

    variable = contextvars.ContextVar("variable", default=0)

    def add(by):
        variable.set(variable.get() + by)
        return variable.get()

    experiment = (
        Experiment()
        .add_callable("r", lambda: 0, root=True)
        .add_callable("add", add, args=[EC("by")], save_to="x")
    )
    for target in ("for", "threads"):
        executor = Executor(experiment, configs=[{"by": 1}, {"by": 10}], n_iters=3, target=target).run()
        assert [running.results["x"][2] for running in executor.experiments] == [3, 30]
    assert variable.get() == 0


def test_iteration_is_seen_by_all(capsys):
    Executor(Experiment().add_callable("p", print, args=[E().iteration]), n_iters=2).run()
    assert capsys.readouterr().out == "0\n1\n"
