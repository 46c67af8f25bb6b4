"""Storages: where an experiment's values go, and how they come back.

``MemoryStorage``    in the memory of this process
``FolderStorage``    in a folder that lasts
``ResearchStorage``  the same for a loop of your own: made if it is not there, continued if it is
``SharedStorage``    the same for loops in several processes, which take turns
"""

from research_results.storage.base import BaseStorage
from research_results.storage.folder import FolderStorage, ResearchStorage, remove_research
from research_results.storage.memory import MemoryStorage
from research_results.storage.shared import SharedStorage

__all__ = [
    "BaseStorage",
    "FolderStorage",
    "MemoryStorage",
    "ResearchStorage",
    "SharedStorage",
    "remove_research",
]
