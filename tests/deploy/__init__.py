"""What deploy/ holds, as an operator would start it."""
