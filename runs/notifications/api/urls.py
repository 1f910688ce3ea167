from django.urls import path

from runs.notifications.api import views

OF = "organizations/<slug:slug>/notifications/"

urlpatterns = [
    path(OF, views.TargetListView.as_view(), name="api-notifications"),
    path(f"{OF}<id:pk>/", views.TargetView.as_view(), name="api-notification"),
    path(f"{OF}<id:pk>/test/", views.TestView.as_view(), name="api-notification-test"),
    path(f"{OF}<id:pk>/deliveries/", views.DeliveryListView.as_view(), name="api-deliveries"),
    path("deliveries/<id:pk>/send-again/", views.SendAgainView.as_view(), name="api-send-again"),
]
