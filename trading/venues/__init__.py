"""Where orders are executed: one venue for each execution mode."""
