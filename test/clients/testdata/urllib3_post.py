# Sends one POST with urllib3, as it is ("plain") or as docs/integration.md sets it ("set").
import sys

import urllib3

how, url = sys.argv[1:]
if how == "set":
    retries = urllib3.Retry(total=3, allowed_methods=None, status_forcelist=[408, 409, 425, 429, 500, 502, 503, 504],
                            raise_on_status=False, backoff_factor=0.5)
else:
    retries = urllib3.Retry(3, backoff_factor=0.5)  # the default is no pause at all: too quick for a server that is refused for a moment
try:
    urllib3.PoolManager(retries=retries).request("POST", url, body=b"{}", headers={"Idempotency-Key": "k"})
except urllib3.exceptions.HTTPError as error:
    print(error, file=sys.stderr)
