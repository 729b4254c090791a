"""Every path from an entry to the loss, counted, summed and written."""
