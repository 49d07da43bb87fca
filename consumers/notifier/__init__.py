"""通知: words for customer managers, customers and the bank's operations, made of approved templates alone."""
