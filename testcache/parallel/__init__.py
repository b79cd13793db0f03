"""How the tests that must run are spread over workers, shards and hosts; pure, or about this machine only."""
