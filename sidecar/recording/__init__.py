"""Room: recording. Floor 2. Runs in: monitor, CLI. Traffic kept in files, within bounds.
Takes records (from monitor); gives them back (to replay). Knows nothing of shadows or models.
"""
