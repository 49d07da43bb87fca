"""What people read: guidelines, bulletins, the audit."""
