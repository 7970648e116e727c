"""Real data sets, seeded and split once into train, choose and report."""
