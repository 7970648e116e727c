"""What imports the rivals' harness is not collected: its folder is on the path only when the benchmark runs."""

collect_ignore = ["more_problems.py", "ours.py"]
