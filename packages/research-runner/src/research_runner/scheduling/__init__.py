"""The scheduler: from a domain to tasks, and which worker gets which task; plain state without processes."""
