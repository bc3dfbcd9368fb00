"""The pages of a signed-in person. A thin face: it reads, and calls the verbs of features."""
