"""`fleet-plan`: how many machines a large job takes, from what one of them was measured to do."""
