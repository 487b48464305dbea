"""The two ends of a transfer: who sends, who receives, by which paths, what goes on after a kill."""
