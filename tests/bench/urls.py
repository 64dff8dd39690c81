"""Vanta's addresses, and a view that does one INSERT and commits: what a webhook costs at least."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from vanta.urls import urlpatterns as vanta_urls


@csrf_exempt
def one_insert(_request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (payload) VALUES ('x')")
    return HttpResponse("stored")


urlpatterns = [path("bench/one-insert/", one_insert), *vanta_urls]
