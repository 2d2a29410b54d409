"""One watcher over all open rows."""
