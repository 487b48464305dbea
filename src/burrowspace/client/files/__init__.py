"""What is read to be sent, and where what arrives is written."""
