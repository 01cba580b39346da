"""CloudWatch's alarms beside the estate's declaration of them: read by one poller, kept for years, changed by runs."""
