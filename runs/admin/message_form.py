"""The dialog in which a message to a run is written."""

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from runs.models.control import CONTROL_TEXT_LIMIT

MESSAGE_IS_READ = (
    "The program reads it when it next looks. Everybody who may watch the run can read it, too."
)


class MessageForm(BaseDialogForm):
    text = forms.CharField(
        label="Message",
        max_length=CONTROL_TEXT_LIMIT,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "autofocus": True}),
    )
