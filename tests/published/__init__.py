"""The published app, byte by byte: what its two libraries send, how they read, what they do twice, and one test for
each of its habits. `calls.py` is its HTTP, `sockets.py` its Socket.IO; neither uses a client library of ours."""
