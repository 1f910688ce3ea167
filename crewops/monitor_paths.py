"""The pages that load balancers and Prometheus ask for."""

ALIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"
MONITOR_PATHS = (ALIVE, READY, METRICS)
