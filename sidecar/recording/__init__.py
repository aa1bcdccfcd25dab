"""Room: recording. Floor 2. Runs in: monitor, CLI. Traffic kept in files, written within bounds and read whatever
happened to them. Takes records (from monitor); gives them back (to replay). Knows nothing of shadows or models.
"""
