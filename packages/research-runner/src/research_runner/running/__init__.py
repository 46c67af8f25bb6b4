"""One run: the loop between scheduler, backend and recording; interrupts; the plan and texts users see."""
