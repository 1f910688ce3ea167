import re
import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from crews import sealing
from crews.models.atomic_save import AtomicSave
from crews.models.sealed import SealedModel
from crews.scoping import OwnedModel, ScopedQuerySet, User

MIN_VALUE_CHARS = 8  # redacting a shorter value from output would damage common text
# Together with the user name it fits into any pipe, so a tool gets it at once.
MAX_VALUE_BYTES = 2048
HOST = re.compile(
    r"(?!.*:443$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[1-9]\d{0,4})?"
)
USERNAME = re.compile(r"[\w.@+-]+", re.ASCII)


def validate_host(host: str) -> None:
    if not HOST.fullmatch(host) or int(host.partition(":")[2] or 443) > 65535:
        raise ValidationError(
            "Write the host as github.com or git.example.com:8443, "
            "in lower case, without https:// and path; 443 is left out."
        )


def validate_username(username: str) -> None:
    if not USERNAME.fullmatch(username):
        raise ValidationError("Write a user name of letters, digits and . @ + - _.")


def validate_value(value: str) -> None:
    """Refuse text that is no password or token. The message never repeats it."""
    if (
        len(value) < MIN_VALUE_CHARS
        or not value.isprintable()
        or len(value.encode()) > MAX_VALUE_BYTES
    ):
        raise ValidationError(
            f"Write one line of at least {MIN_VALUE_CHARS} characters and at most "
            f"{MAX_VALUE_BYTES} bytes."
        )


class Secret(SealedModel, AtomicSave, OwnedModel):
    """A password or token of an organization. Steps use it by its name; no user can read it.

    It is sent only to its `host`. Any change needs the value to be entered again: a person who may
    edit a secret must not be able to send another person's value elsewhere.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="secrets"
    )
    name = models.SlugField(max_length=50, help_text="Steps use the secret by this name.")
    host = models.CharField(
        max_length=261,
        validators=[validate_host],
        help_text="The only host it is sent to, over https: github.com, git.example.com:8443.",
    )
    username = models.CharField(
        max_length=100,
        default="git",
        validators=[validate_username],
        help_text="Sent with the value. With a token, most hosts take any name.",
    )
    sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="secret_name_unique",
                violation_error_message="The organization has a secret with this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def store(self, value: str, *, by: User) -> None:
        """Save the secret with `value`, encrypted for its host, in place of any earlier value."""
        self.sealed = sealing.seal(value, bound_to=self._bound_to)
        if self._state.adding:
            self.created_by = by
        self.updated_by = by
        self.save()

    def use(self) -> str:
        """Return the value, to be sent to the host now. Raises ``sealing.Unreadable``.

        Records the time of this use.
        """
        value = sealing.unseal(self.sealed, bound_to=self._bound_to)
        Secret.objects.filter(pk=self.pk).update(last_used_at=timezone.now())
        return value

    @property
    def _bound_to(self) -> str:
        return f"{self.organization_id} {self.pk} {self.host}"
