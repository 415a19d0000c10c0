"""Networks: how products follow each other. They know arrays, not devices and not rules."""
