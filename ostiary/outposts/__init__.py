"""Outposts: which workers answer for which providers, the embedded one first, and the connections through which a
controller would run others. It keeps and checks them and says how they are; it decides no access and reaches into no
cluster.
"""
