"""What a WSGI server runs: `gunicorn --config gunicorn.conf.py application:application`."""

from harbourlog import create_application

application = create_application()
