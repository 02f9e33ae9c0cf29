"""Train, package, deploy, invoke and tear down: the stagewire program."""
