"""Write tests/fixtures/format-N with today's code: ``python make_fixture.py``; done once for each format."""

from dataclasses import dataclass
from pathlib import Path

from fixture_values import CONFIGS, META, VALUES

from research_domain import Identifier
from research_results import ResearchStorage
from research_results.disk.schema import FORMAT


@dataclass(frozen=True)
class Failure:
    """What mark() is told."""

    cause: str = "signal"
    type: str = "WorkerDied"
    message: str = "killed by SIGKILL"
    traceback: str = "no traceback"
    unit: str = "train"
    iteration: int = 2


def main():
    """Write the folder; it must not be there."""
    path = Path(__file__).parent / "fixtures" / f"format-{FORMAT}"
    with ResearchStorage(path, META) as storage:
        for place, (name, config) in enumerate(CONFIGS.items()):
            storage.add(name, config, index=place, digest=Identifier().identify(config).digest)
            storage.mark(name, "running", attempt=1, worker=place, host="node1", device="cpu", started=1.5e9)
            storage.put(name, VALUES[name])
            if place < 2:
                storage.mark(name, "done", elapsed_s=2.5, iterations=4)
            else:
                storage.mark(name, "failed", failure=Failure())
        (storage.experiment_path("8c2f8eb1-0") / "model.txt").write_text("weights")
        storage.put_output("8c2f8eb1-0", "stdout", "hello\n")
        storage.put_environment("packages.txt", "numpy\n")


if __name__ == "__main__":
    main()
