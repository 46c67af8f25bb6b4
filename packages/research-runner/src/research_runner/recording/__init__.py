"""What a run writes and shows: storage, monitor, progress, logs; and what a resume reads.

- ``committing``, ``recorder``: events into transactions of the storage
- ``storage_lookup``, ``folder``: storages by name; other files in the folder
- ``resume``, ``fingerprints``, ``code``: what an earlier run left, and whether units have changed since
- ``monitor``, ``progress``, ``lines``, ``logs``: counts and times; a bar or lines; ``research.log``
- ``spent``, ``tries``: the budget of time; configs that users add to a search
"""
