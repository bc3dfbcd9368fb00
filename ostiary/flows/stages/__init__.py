"""One file per stage type. Stages do not know each other."""
