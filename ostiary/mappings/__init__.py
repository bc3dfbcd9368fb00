"""Mappings: what an application is told of a person, computed by expressions. It does not decide access."""
