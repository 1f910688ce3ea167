"""The format of dates with times on pages that set none. The admin sets none."""
