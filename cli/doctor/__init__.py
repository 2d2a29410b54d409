"""`standby doctor`: check that everything is in place, before and after deployment, with read-only calls.

Each group of checks is a module: it reads from AWS, and evaluates the answers in pure functions.
"""
