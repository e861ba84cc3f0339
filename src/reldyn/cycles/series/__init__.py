"""From a panel to the giver-to-receiver series that the claim tests read."""
