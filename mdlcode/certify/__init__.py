"""From a net or message to a bound on its error: errors counted, and every bit paid."""
