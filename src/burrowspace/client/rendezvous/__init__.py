"""How two ends find each other and talk: codes, pairing, sealed mailboxes."""
