"""Pictures of the simulator for the documentation."""
