"""TLS on the one port: whose certificate (identity, authority), and the first byte of a connection (tls_sniff, plain).

Behind the handshake stands the same front as without; only the kernel cannot move the bytes. docs/guide/https.md.
"""
