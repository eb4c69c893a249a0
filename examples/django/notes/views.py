"""The site's own page."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def home(request: HttpRequest) -> HttpResponse:
    notes: Any = request.user.notes.all()
    return render(request, "home.html", {"notes": notes})
