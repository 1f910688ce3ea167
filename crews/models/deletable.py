from django.db import models


class Deletable(models.Model):
    """A record that may have too many rows to be removed while a user waits.

    Once ``deleted_at`` is set, no user reaches it (``ScopedQuerySet.kept``). Its rows are removed
    in the background.
    """

    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True
