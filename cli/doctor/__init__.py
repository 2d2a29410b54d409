"""`standby doctor`: whether everything is in place, before deploying and after, by reading alone.

Each group is a module: it asks AWS what it needs, and judges the answers in functions of data.
"""
