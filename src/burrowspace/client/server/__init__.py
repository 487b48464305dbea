"""Calls of a server, and whose word is taken for who it is."""
