"""Pages and API of the runs, and the health of the deployment."""

urlpatterns: list = []
