"""What is protected: applications and their providers. It does not decide access."""
