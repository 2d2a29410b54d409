"""The embedded cloud: a model of WorkSpaces, and thin adapters that let the real product run against it."""
