import os

from django.core.wsgi import get_wsgi_application
from django.urls import reverse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
reverse("admin:index")  # loads all pages, once for all workers that are forked from here: nobody's first request waits for it
