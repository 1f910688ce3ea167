"""Figures of the monitoring page: what web processes report, what the log and the runs say.

Each web process writes its counts to the database (`reporter`), so they are summed without Redis.
`collecting` adds them up. `live` does it once a second while somebody watches, and `recorder`, a
thread of the scheduler, keeps samples for the charts.
"""
