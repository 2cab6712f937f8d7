"""C8, master integration: 48 features of what the seven components say together."""
