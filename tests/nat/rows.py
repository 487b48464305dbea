"""What the lab found, as a table in Markdown."""
