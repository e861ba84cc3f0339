"""What goes with unpredictable warmth: triggers, vigilance, persistence, reinforcement, attachment."""
