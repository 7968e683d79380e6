"""Questions to a table: pages, filters, histograms, neighbours, and streams of rows."""
