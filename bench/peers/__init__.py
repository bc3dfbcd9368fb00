"""Other doorkeepers, built from their Go modules and asked the same question. Nothing of theirs is kept here."""
