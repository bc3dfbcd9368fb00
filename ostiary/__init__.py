"""Ostiary: the doorkeeper of a cluster. It signs people in once and guards every application behind an ingress."""

__version__ = "0.1.0"
