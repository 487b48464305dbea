"""Blocks by way of the server: the sender's segments, and the HTTP streams that write and read one."""
