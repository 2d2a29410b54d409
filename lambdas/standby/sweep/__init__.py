"""The whole fleet, page by page: what is new, what is gone, how much of it is covered."""
