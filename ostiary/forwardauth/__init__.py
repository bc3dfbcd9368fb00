"""Forward authentication: who asks, in which dialect, with what verdict."""
