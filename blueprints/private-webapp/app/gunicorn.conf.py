"""How gunicorn runs the application. Address and port come from the command line (`--bind`).

    WORKERS, THREADS     how many at once; every thread may hold one database connection
    EDGE_ADDRESSES       who may say which client a request comes from
"""

import os

workers = int(os.environ.get("WORKERS", "2"))
threads = int(os.environ.get("THREADS", "6"))
worker_class = "gthread"

# No control socket in the home folder: whoever supervises this program stops and starts it by signals.
control_socket_disable = True

# Longer than what stands before it keeps connections open (60 s at most balancers): otherwise one now and
# then sends a request into a connection that is just being closed, and its client sees a 502.
keepalive = 75

# A request that takes this long has hung. Requests under way may end when the program is told to stop.
timeout = 30
graceful_timeout = 20

# Workers are made anew now and then, not all at the same time.
max_requests = 20_000
max_requests_jitter = 2_000

# Heartbeats in memory: a full or slow disk must not kill workers.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None

# The edge's own address; on another host the addresses that it has there.
forwarded_allow_ips = os.environ.get("EDGE_ADDRESSES", "127.0.0.1,::1")

# Each line: who (as the edge said it), what, how it went, how long. Never a query, a cookie or a header with a
# credential: the path only.
accesslog = "-"
errorlog = "-"
access_log_format = '%({x-forwarded-for}i)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
loglevel = os.environ.get("LOG_LEVEL", "info")

limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
