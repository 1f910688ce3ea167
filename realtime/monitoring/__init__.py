"""Figures of the monitoring page: from the reports of web processes, the log and the runs.

Each web process writes its counts to the database (`process_reports`), so they are summed without
Redis. `collecting` adds them up. `live` does it once a second while a socket shows the figures, and
`recorder`, a thread of the scheduler, keeps samples for the charts.
"""
