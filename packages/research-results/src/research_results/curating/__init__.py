"""What people say of results: tags, notes, and experiments that they remove."""
