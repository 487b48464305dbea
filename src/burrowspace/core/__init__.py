"""The rules of BurrowSpace, pure: no clock, no entropy, no socket, no file. Those come in as arguments."""
