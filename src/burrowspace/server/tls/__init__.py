"""TLS on the one port: whose certificate (identity, authority), and a connection's first step (doorstep, plain).

Behind the handshake stands the same front as without; only the kernel cannot move the bytes. docs/guide/https.md.
"""
