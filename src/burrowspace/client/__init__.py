"""What the SDK and the command line share: the person's files, the journal, the paths. It knows no server's inside."""
