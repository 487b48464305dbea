"""What a program must know after it was killed, and what a person keeps: journals, history, devices."""
