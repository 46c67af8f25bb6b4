"""What people ask of results: why experiments failed, which config is best, mean and spread."""
