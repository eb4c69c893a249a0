from django.contrib.auth.views import LoginView
from django.urls import path

from notes.views import home

urlpatterns = [path("", home, name="home"), path("login/", LoginView.as_view(), name="login")]
