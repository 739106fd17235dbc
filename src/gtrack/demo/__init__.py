"""The scripts that ``gtrack demo`` writes into its repository. They are run there, never imported."""
