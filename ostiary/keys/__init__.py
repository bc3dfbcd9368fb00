"""The keys that sign what applications may verify: made, published, rotated; and certificates with their keys. What is
signed belongs to protocols.
"""
