class HealthChecker:
    ready = True
    reason = ""
