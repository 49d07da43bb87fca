"""成交均价: what homes of a community were sold for, by month; aggregated prices are all that leaves the house."""
