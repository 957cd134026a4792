"""Serves the portal with Django's own server on a free loopback port.

PORTAL_DATABASE names the sqlite file, PORTAL_LOG the file that gets one line of
JSON for each request. The port is the only thing printed. The end of standard
input is the end of the server.
"""

import json
import os
import sys
import threading
import time
from email.utils import formatdate

import django
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

YEAR = 365 * 24 * 60 * 60


def tracking_cookies():
    """Set on every answer: one that nobody declared, and two that need consent."""
    a_year_on = formatdate(time.time() + YEAR, usegmt=True)
    return [
        ("Set-Cookie", "undeclared_x=from-the-portal; Max-Age=31536000; Path=/"),
        ("Set-Cookie", "_pk_id.1=from-the-portal; Max-Age=%d; Path=/" % (2 * YEAR)),
        ("Set-Cookie", "ads_id=from-the-portal; Expires=%s; HttpOnly; Path=/" % a_year_on),
    ]


class Tracking:
    """Wraps an application: notes what it was sent, adds cookies to what it answers."""

    def __init__(self, application, log):
        self.application = application
        self.log = log
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            self.note(environ, status)
            return start_response(status, headers + tracking_cookies(), exc_info)

        return self.application(environ, start)

    def note(self, environ, status):
        line = {
            "path": environ["PATH_INFO"],
            "status": int(status.split()[0]),
            "cookie": environ.get("HTTP_COOKIE", ""),
            "consent": environ.get("HTTP_COOKIE_CONSENT", ""),
        }
        with self.lock:
            self.log.write(json.dumps(line) + "\n")
            self.log.flush()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    User.objects.create_superuser("admin", "admin@example.org", "secret")
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.daemon_threads = True
    log = open(os.environ["PORTAL_LOG"], "a")
    server.set_app(Tracking(StaticFilesHandler(get_wsgi_application()), log))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


main()
