"""The scheduler: from a domain to tasks, and which worker gets which task; plain state without processes.

``coordinator``                        decides what runs where: commands out, events in
``source``, ``tasks``                  tasks made from a domain; what a task is
``slots``, ``setup``                   the state of each worker; its devices and environment
``policies``, ``batching``             retries and giving up; how many tasks are sent in advance
``commands``, ``events``               what the coordinator sends and receives
``asking``, ``searches``, ``by_hand``  tasks of searches, of stopping rules, and of configs added by users
"""
