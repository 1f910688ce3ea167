"""A browser without JavaScript on the editor's pages."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from runs.tests.editor.form_reader import FormReader


class Editor:
    """A page of the editor in the hands of one user. ``form`` is what it shows."""

    def __init__(self, user: Any, path: str) -> None:
        self.client = Client()
        self.client.force_login(user)
        self.path = path
        self.response = self.client.get(path)
        self.form = FormReader(self.page)

    @property
    def page(self) -> str:
        return self.response.content.decode()

    def press(self, action: str, **changes: str) -> HttpResponse:
        """Write ``changes`` (``__`` stands for ``-``) into the form and press a button."""
        assert action in self.form.buttons, self.form.buttons
        values = self.form.values | {
            name.replace("__", "-"): [value] for name, value in changes.items()
        }
        self.response = self.client.post(self.path, values | {"action": action})
        if self.response.status_code != 302:
            self.form = FormReader(self.page)
        return self.response


@pytest.fixture
def editor(acme):
    return Editor(acme.admin, reverse("crew-edit", args=[acme.crew.pk]))


@pytest.fixture
def editor_of():
    return Editor
