"""Hardware to search: spaces of accelerators, costs on all of them, and the best one, proven."""
