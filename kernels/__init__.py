"""Room: kernels. Floor 0. Runs in: monitor, CLI. Pure: arrays in, the caller's arrays out; imports nothing of
sidecar."""
