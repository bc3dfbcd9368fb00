"""How each proxy asks: one file per family, free of input and output. A dialect is named by its address, never guessed.

It owns what is read of a question, and refuses what could be read in two ways. Verdicts are made elsewhere.
"""
