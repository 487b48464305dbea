"""What the server does when something happens: read the records, decide by the core, act through the ports."""
