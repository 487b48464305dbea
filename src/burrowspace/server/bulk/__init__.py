"""The data plane: bulk requests are taken off the port and the kernel moves their bytes. Linux, without TLS.

`front.py` recognises them, `serve.py` decides and answers on the main loop, `mover.py` is a thread that moves many
flows, `flows.py` the two kinds of flow, `form.py` a multipart body whose file is spliced unscanned. Everywhere else
the same routes work through server/api/files.py. Why so: docs/decisions/0005-bulk-on-threads.md.
"""
