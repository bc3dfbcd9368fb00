"""The management API: authentik's ``/api/v3/``, in the shapes that its generated clients parse.

A thin face. What objects are and how they change is said by `ostiary.objects`; here are addresses, who may call them,
and the wire: paging, errors, conditional requests. Loaded when somebody first asks.
"""
