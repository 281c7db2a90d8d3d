"""One page from result files of one machine or of many: it measures nothing."""

import sys

from dlgsanet.__main__ import main

sys.exit(main(["report", "check.json", "bench.json", "-o", "report.html", "--force"]))
