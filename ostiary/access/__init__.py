"""The access table and the one authorize(): every check and every grant is answered here."""
