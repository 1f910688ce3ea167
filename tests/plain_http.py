"""httpx for servers of tests, which speak HTTP without TLS.

For each call of a function of httpx, and for each client, it reads the certificates of all
authorities: 24 ms of the processor, which is most of what asking whether a server is ready takes.
"""

from functools import partial

import httpx

Client = partial(httpx.Client, verify=False)
get = partial(httpx.get, verify=False)
options = partial(httpx.options, verify=False)
post = partial(httpx.post, verify=False)
request = partial(httpx.request, verify=False)
stream = partial(httpx.stream, verify=False)
