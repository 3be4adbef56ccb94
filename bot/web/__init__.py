"""HTTP: the webhook, health and metrics, and the simulator's page. Holds no rules."""
