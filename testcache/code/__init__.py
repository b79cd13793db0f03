"""What counts in Python code, and which names code may reach; nothing of it is ever run."""
