"""What is set for the whole installation while it runs, and which releases ran: the administrators' settings, beside
the configuration. It checks, keeps and tells them; what each of them does, its own room does.
"""
