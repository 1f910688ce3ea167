"""The admin for members: roles decide, not the permissions of django.contrib.auth.

Staff who are not superusers reach only records of their organizations. They see the records that
they may watch, and can edit those that they manage. Any other record is answered like a missing
one.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin import RelatedFieldListFilter
from django.contrib.auth import get_user_model
from django.db.models import CASCADE, Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import PaginationInlineFormSet

from crews.admin.large_tables import COUNTED_ROWS
from crews.models import Crew, Organization, Role
from crews.scoping import ScopedQuerySet, unscoped

SAMPLED = 100  # rows that represent all, if there are too many to count


def roles_of(request: HttpRequest) -> set[str]:
    """The user's roles in any organization; a superuser has each. Queried once per request."""
    if not (request.user.is_active and request.user.is_staff):
        return set()
    if request.user.is_superuser:
        return set(Role.values)
    if not hasattr(request, "_crewops_roles"):
        own = request.user.memberships
        request._crewops_roles = set(own.values_list("role", flat=True))
    return request._crewops_roles


def reaches(request: HttpRequest, scope: str, model: type[Model], pk: Any) -> bool:
    """Whether the record is among those that ``scope``, such as ``visible_to``, gives the user.

    Django's admin asks many times per page. In a request that only reads, the record is looked up
    once.
    """
    known = {}
    if request.method in ("GET", "HEAD"):
        known = request.__dict__.setdefault("_crewops_reached", {})
    key = (scope, model, pk)
    if key not in known:
        records = getattr(model._default_manager, scope)(request.user)
        known[key] = records.filter(pk=pk).exists()
    return known[key]


class ScopedForms:
    """Limits the choices of foreign keys to records that the user manages."""

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        related = db_field.related_model
        if related is get_user_model():
            kwargs.setdefault("queryset", _colleagues(request))
            if not request.user.is_superuser:
                kwargs.setdefault("help_text", "Somebody new is added by a superuser.")
        elif isinstance(related._default_manager.all(), ScopedQuerySet):
            kwargs.setdefault("queryset", related._default_manager.managed_by(request.user))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ScopedAdmin(ScopedForms, ModelAdmin):
    """The admin of a model whose QuerySet is a ``ScopedQuerySet``."""

    # "View on site" would use a view that looks up records without a scope check.
    view_on_site = False
    list_filter_sheet = False
    list_fullwidth = True
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).visible_to(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(roles_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if obj is None:
            return bool(roles_of(request))
        return reaches(request, "visible_to", self.model, obj.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Role.ADMIN in roles_of(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if obj is None:
            return Role.ADMIN in roles_of(request)
        return reaches(request, "managed_by", self.model, obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count the rows that are deleted with ``objs``.

        They are not listed: a crew's runs have more parts than a page can list. A busy crew
        protects itself and its organization from deletion.
        """
        objs = list(objs)
        found: dict[type[Model], set[Any]] = {self.model: {obj.pk for obj in objs}}
        with unscoped():  # rows that are deleted with them
            _collect(self.model, found)
            crews = Crew.objects.filter(pk__in=found.get(Crew, ()))
            if self.model is Organization:  # all of its crews, not only those that are counted
                crews = Crew.objects.filter(organization__in=objs)
            busy = [
                f"{crew}, which is busy with a run"
                for crew in crews.filter(activity=Crew.Status.BUSY)
            ]
        admins = {model: self.admin_site._registry.get(model) for model in found}
        forbidden = {
            str(model._meta.verbose_name)
            for model, model_admin in admins.items()
            if model_admin and not model_admin.has_delete_permission(request)
        }
        if not all(self.has_delete_permission(request, obj) for obj in objs):
            forbidden.add(str(self.opts.verbose_name))
        is_cut = any(len(ids) > COUNTED_ROWS for ids in found.values())
        counts = {
            str(model._meta.verbose_name_plural): f"at least {len(ids):,}" if is_cut else len(ids)
            for model, ids in found.items()
        }
        return [str(obj) for obj in objs], counts, forbidden, busy


def _collect(model: type[Model], found: dict[type[Model], set[Any]]) -> None:
    """Add the ids of rows that Django deletes with the rows in ``found``.

    Of each relation at most ``COUNTED_ROWS`` + 1 ids are added. If there are more rows than
    ``COUNTED_ROWS``, ``SAMPLED`` of them represent all when the rows that depend on them are looked
    up. Parts of a run are not counted.
    """
    if getattr(model._base_manager.all(), "is_large_table", False):
        return
    owners = found[model]
    if len(owners) > COUNTED_ROWS:
        owners = set(list(owners)[:SAMPLED])
    for relation in model._meta.related_objects:
        if relation.on_delete is not CASCADE:
            continue
        related = relation.related_model
        rows = related._base_manager.filter(**{f"{relation.field.name}__in": owners})
        ids = set(rows.order_by().values_list("pk", flat=True)[: COUNTED_ROWS + 1])
        if ids - found.get(related, set()):
            found[related] = found.get(related, set()) | ids
            _collect(related, found)


class RowsOfTheRecord(PaginationInlineFormSet):
    """Treats the id of another record's row like the id of a row that does not exist."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        named = form.fields[self._pk_field.name]
        if isinstance(named, forms.ModelChoiceField):  # Django offers the rows of all records
            named.queryset = self.queryset

    # After the validation of the input, Django looks up in both methods which rows a deletion would
    # include.

    def validate_unique(self) -> None:
        with unscoped():
            super().validate_unique()

    def is_valid(self) -> bool:
        _ = self.errors
        with unscoped():
            return super().is_valid()


class ScopedInline(ScopedForms):
    """Rows of a record. Users who see the record see them; users who manage it edit them."""

    formset = RowsOfTheRecord
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows.visible_to(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, obj, "visible_to")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, obj, "managed_by")

    has_add_permission = has_delete_permission = has_change_permission

    def _may(self, request: HttpRequest, parent: Model | None, scope: str) -> bool:
        if parent is None:
            return (
                bool(roles_of(request))
                if scope == "visible_to"
                else Role.ADMIN in roles_of(request)
            )
        return reaches(request, scope, type(parent), parent.pk)


class ScopedFilter(RelatedFieldListFilter):
    """Offers the records that the user sees.

    They are read from their own table, not from the records that refer to them.
    """

    def field_choices(
        self, field: Field, request: HttpRequest, model_admin: ModelAdmin
    ) -> list[tuple[Any, str]]:
        offered = field.remote_field.model._default_manager.visible_to(request.user)
        return [(record.pk, str(record)) for record in offered]


class ReadOnly:
    """Records can be neither added nor changed."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SuperusersOnly:
    """Only superusers see the records, and add, change and delete them."""

    def has_module_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    has_view_permission = has_add_permission = has_module_permission
    has_change_permission = has_delete_permission = has_module_permission


def _colleagues(request: HttpRequest) -> QuerySet:
    """Users of the organizations that the user manages; for a superuser all users."""
    users = get_user_model()._default_manager.all()
    if request.user.is_superuser:
        return users
    managed = Organization.objects.managed_by(request.user)
    return users.filter(memberships__organization__in=managed).distinct()
