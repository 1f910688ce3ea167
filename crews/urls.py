"""Pages and API of the crews."""

urlpatterns: list = []
