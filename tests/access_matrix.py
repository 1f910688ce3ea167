"""Who gets which answer from every route and method, and from every socket.

``login`` is a redirect to the sign-in page; a route's other methods are refused to everybody. The
people are two organizations' and nobody's: a member in each role, an outsider (an admin of the
other organization), somebody signed in without any organization, nobody signed in, and a superuser.
"""

# fmt: off
PEOPLE = ("admin", "operator", "viewer", "outsider", "homeless", "anonymous", "superuser")

HTTP = """
route                                         method           admin operator viewer outsider homeless anonymous superuser

api/token/                                    POST             400   400      400    400      400      400       400
api/token/refresh/                            POST             400   400      400    400      400      400       400
api/token/revoke/                             POST             400   400      400    400      400      400       400
api/report/                                   POST             403   403      403    403      403      401       403
api/report                                    POST             403   403      403    403      403      401       403
api/report/approvals/                         POST             403   403      403    403      403      401       403
api/report/claude-code/                       POST             403   403      403    403      403      401       403
api/report/claude-code                        POST             403   403      403    403      403      401       403
api/crews/                                    GET              200   200      200    200      200      401       200
api/crews/<id:pk>/                            GET              200   200      200    404      404      401       200
api/crews/<id:pk>/runs/                       POST             201   201      403    404      404      401       201
api/crews/<id:pk>/events/                     GET              200   200      200    404      404      401       200
api/crews/<id:pk>/budget/                     GET              200   200      200    404      404      401       200
api/crews/<id:pk>/usage/                      GET              200   200      200    404      404      401       200
api/crews/<id:pk>/schedule/                   GET              200   200      200    404      404      401       200
api/crews/<id:pk>/schedule/                   PUT              400   403      403    404      404      401       400
api/crews/<id:pk>/schedule/                   DELETE           204   403      403    404      404      401       204
api/organizations/<slug:slug>/audit/          GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/api-keys/       GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/api-keys/       POST             400   403      403    404      404      401       400
api/organizations/<slug:slug>/api-keys/<id:pk>/ GET            200   403      403    404      404      401       200
api/organizations/<slug:slug>/api-keys/<id:pk>/ DELETE         204   403      403    404      404      401       204
api/organizations/<slug:slug>/approval-rules/ GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/approval-rules/ POST             400   403      403    404      404      401       400
api/organizations/<slug:slug>/approval-rules/<id:pk>/ GET      200   403      403    404      404      401       200
api/organizations/<slug:slug>/approval-rules/<id:pk>/ PATCH    200   403      403    404      404      401       200
api/organizations/<slug:slug>/approval-rules/<id:pk>/ DELETE   204   403      403    404      404      401       204
api/organizations/<slug:slug>/secrets/        GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/secrets/        POST             400   403      403    404      404      401       400
api/organizations/<slug:slug>/secrets/<slug:name>/ GET         200   403      403    404      404      401       200
api/organizations/<slug:slug>/secrets/<slug:name>/ PUT         400   403      403    404      404      401       400
api/organizations/<slug:slug>/secrets/<slug:name>/ DELETE      204   403      403    404      404      401       204
api/organizations/<slug:slug>/notifications/  GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/notifications/  POST             400   403      403    404      404      401       400
api/organizations/<slug:slug>/notifications/<id:pk>/ GET       200   403      403    404      404      401       200
api/organizations/<slug:slug>/notifications/<id:pk>/ DELETE    204   403      403    404      404      401       204
api/organizations/<slug:slug>/notifications/<id:pk>/test/ POST 202   403      403    404      404      401       202
api/organizations/<slug:slug>/notifications/<id:pk>/deliveries/ GET 200 403   403    404      404      401       200
api/deliveries/<id:pk>/send-again/            POST             202   202      403    404      404      401       202
api/approvals/                                GET              200   200      200    200      200      401       200
api/approvals/<id:pk>/                        GET              200   200      200    404      404      401       200
api/approvals/<id:pk>/                        POST             400   400      403    404      404      401       400
api/runs/                                     GET              200   200      200    200      200      401       200
api/runs/<id:pk>/                             GET              200   200      200    404      404      401       200
api/runs/<id:pk>/cancel/                      POST             202   202      403    404      404      401       202
api/runs/<id:pk>/controls/                    GET              200   200      200    404      404      401       200
api/runs/<id:pk>/controls/                    POST             400   400      403    404      404      401       400
api/runs/<id:pk>/retry/                       POST             409   409      403    404      404      401       409
api/runs/<id:pk>/events/                      GET              200   200      200    404      404      401       200
api/runs/<id:pk>/budget/                      GET              200   200      200    404      404      401       200
api/runs/<id:pk>/model-calls/                 GET              200   200      200    404      404      401       200
api/search/                                   GET              200   200      200    200      200      401       200
api/tool-executions/<id:pk>/output/           GET              200   200      200    404      404      401       200
api/schema/                                   GET              200   200      200    200      200      200       200
api/docs/                                     GET              200   200      200    200      200      200       200
api/                                          GET              404   404      404    404      404      404       404
v1/traces                                     POST             403   403      403    403      403      401       403
v1/traces/                                    POST             403   403      403    403      403      401       403
v1/metrics                                    GET              404   404      404    404      404      404       404
v1/logs                                       GET              404   404      404    404      404      404       404
v1/                                           GET              404   404      404    404      404      404       404
sse/                                          GET              404   404      404    404      404      404       404
agui/                                         GET              404   404      404    404      404      404       404
favicon.ico                                   GET              200   200      200    200      200      200       200
healthz                                       GET              200   200      200    200      200      200       200
metrics                                       GET              401   401      401    401      401      401       401
readyz                                        GET              200   200      200    200      200      200       200

login/                                        GET              302   302      302    302      302      200       302
login/                                        POST,PUT         302   302      302    302      302      200       302
login/                                        PATCH,DELETE     302   302      302    302      302      405       302
login/                                        TRACE            302   302      302    302      302      405       302
login/                                        OPTIONS          302   302      302    302      302      200       302
logout/                                       POST             login login    login  login    login    login     login
                                              GET              200   200      200    200      200      login     200
account/                                      GET              200   200      200    200      200      login     200
account/                                      POST             400   400      400    400      400      login     400
connect/                                      GET              200   200      200    200      200      login     200
connect/                                      POST             400   403      403    400      403      login     400
connect/<id:pk>/first-run/                    GET              200   404      404    404      404      login     200
connect/<id:pk>/revoke/                       POST             302   404      404    404      404      login     302
notifications/                                GET              200   200      200    200      200      login     200
notifications/                                POST             400   400      400    400      400      login     400
notifications/<id:pk>/                        GET              200   200      200    404      404      login     200
notifications/<id:pk>/                        POST             400   403      403    404      404      login     400
notifications/<id:pk>/test/                   POST             302   302      403    404      404      login     302
notifications/<id:pk>/delete/                 POST             302   403      403    404      404      login     302
deliveries/<id:pk>/send-again/                POST             302   302      403    404      404      login     302
demo/start/                                   POST             404   404      404    404      404      login     404
monitoring/                                   GET              200   403      403    200      403      login     200
monitoring/history/                           GET              200   403      403    200      403      login     200
crews/<id:pk>/                                GET              200   200      200    404      404      login     200
crews/<id:pk>/runs/                           POST             302   302      403    404      404      login     302
crews/new/                                    GET              200   403      403    200      403      login     200
crews/new/                                    POST             400   403      403    400      403      login     400
crews/<id:pk>/edit/                           GET              200   403      403    404      404      login     200
crews/<id:pk>/edit/                           POST             400   403      403    404      404      login     400
crews/new/file/                               GET              200   403      403    200      403      login     200
crews/new/file/                               POST             400   403      403    400      403      login     400
crews/<id:pk>/file/                           GET              200   403      403    404      404      login     200
crews/<id:pk>/file/                           POST             400   403      403    404      404      login     400
crews/<id:pk>/crew.yaml                       GET              200   403      403    404      404      login     200
crews/<id:pk>/approval-rules/                 GET              200   200      200    404      404      login     200
crews/<id:pk>/approval-rules/                 POST             400   403      403    404      404      login     400
crews/<id:pk>/approval-rules/<id:rule_id>/    POST             302   403      403    404      404      login     302
crews/<id:pk>/schedule/                       GET              200   200      200    404      404      login     200
crews/<id:pk>/schedule/                       POST             400   403      403    404      404      login     400
approvals/                                    GET              200   200      200    200      200      login     200
approvals/pending/                            GET              200   200      200    200      200      login     200
approvals/<id:pk>/                            GET              200   200      200    404      404      login     200
approvals/<id:pk>/                            POST             302   302      403    404      404      login     302
search/                                       GET              200   200      200    200      200      login     200
runs/                                         GET              200   200      200    200      200      login     200
runs/progress/                                GET              200   200      200    200      200      login     200
runs/<id:pk>/                                 GET              200   200      200    404      404      login     200
runs/<id:pk>/live/                            GET              200   200      200    404      404      404       200
runs/<id:pk>/recording/                       GET              200   200      200    404      404      404       200
runs/<id:pk>/moment/                          GET              200   200      200    404      404      404       200
runs/<id:pk>/compare/                         GET              200   200      200    404      404      login     200
runs/<id:pk>/tools/<id:execution_id>/output/  GET              200   200      200    404      404      404       200
runs/<id:pk>/calls/<id:call_id>/input/        GET              200   200      200    404      404      login     200
runs/<id:pk>/calls/<id:call_id>/output/       GET              200   200      200    404      404      login     200
runs/<id:pk>/cancel/                          POST             302   302      403    404      404      login     302
runs/<id:pk>/controls/                        POST             302   302      403    404      404      login     302
runs/<id:pk>/retry/                           POST             302   302      403    404      404      login     302
runs/<id:pk>/share/                           POST             302   403      403    404      404      login     302
"""

# The API keys of the organization, each with the one scope it is named after; a key of the other
# organization that has them all; and one that was revoked.
KEYS = ("report", "watch", "operate", "foreign", "revoked")

# Everywhere below `api/` and `v1/`. Pages take no keys: there a key gets what nobody signed in
# gets.
HTTP_OF_KEYS = """
route                                         method           report watch operate foreign revoked

api/token/                                    POST             400    400   400     400     400
api/token/refresh/                            POST             400    400   400     400     400
api/token/revoke/                             POST             400    400   400     400     400
api/report/                                   POST             415    403   403     415     401
api/report                                    POST             415    403   403     415     401
api/report/approvals/                         POST             400    403   403     400     401
api/report/claude-code/                       POST             400    403   403     400     401
api/report/claude-code                        POST             400    403   403     400     401
api/crews/                                    GET              403    200   403     200     401
api/crews/<id:pk>/                            GET              403    200   403     404     401
api/crews/<id:pk>/runs/                       POST             403    403   201     404     401
api/crews/<id:pk>/events/                     GET              403    200   403     404     401
api/crews/<id:pk>/budget/                     GET              403    200   403     404     401
api/crews/<id:pk>/usage/                      GET              403    200   403     404     401
api/crews/<id:pk>/schedule/                   GET              403    200   403     404     401
api/crews/<id:pk>/schedule/                   PUT              403    403   400     404     401
api/crews/<id:pk>/schedule/                   DELETE           403    403   204     404     401
api/organizations/<slug:slug>/audit/          GET              403    403   403     403     401
api/organizations/<slug:slug>/api-keys/       GET              403    403   403     403     401
api/organizations/<slug:slug>/api-keys/       POST             403    403   403     403     401
api/organizations/<slug:slug>/api-keys/<id:pk>/ GET            403    403   403     403     401
api/organizations/<slug:slug>/api-keys/<id:pk>/ DELETE         403    403   403     403     401
api/organizations/<slug:slug>/approval-rules/ GET              403    403   403     403     401
api/organizations/<slug:slug>/approval-rules/ POST             403    403   403     403     401
api/organizations/<slug:slug>/approval-rules/<id:pk>/ GET      403    403   403     403     401
api/organizations/<slug:slug>/approval-rules/<id:pk>/ PATCH    403    403   403     403     401
api/organizations/<slug:slug>/approval-rules/<id:pk>/ DELETE   403    403   403     403     401
api/organizations/<slug:slug>/secrets/        GET              403    403   403     403     401
api/organizations/<slug:slug>/secrets/        POST             403    403   403     403     401
api/organizations/<slug:slug>/secrets/<slug:name>/ GET         403    403   403     403     401
api/organizations/<slug:slug>/secrets/<slug:name>/ PUT         403    403   403     403     401
api/organizations/<slug:slug>/secrets/<slug:name>/ DELETE      403    403   403     403     401
api/organizations/<slug:slug>/notifications/  GET              403    403   403     403     401
api/organizations/<slug:slug>/notifications/  POST             403    403   403     403     401
api/organizations/<slug:slug>/notifications/<id:pk>/ GET       403    403   403     403     401
api/organizations/<slug:slug>/notifications/<id:pk>/ DELETE    403    403   403     403     401
api/organizations/<slug:slug>/notifications/<id:pk>/test/ POST 403    403   403     403     401
api/organizations/<slug:slug>/notifications/<id:pk>/deliveries/ GET 403 403 403     403     401
api/deliveries/<id:pk>/send-again/            POST             403    403   403     403     401
api/approvals/                                GET              403    200   403     200     401
api/approvals/<id:pk>/                        GET              403    200   403     404     401
api/approvals/<id:pk>/                        POST             403    403   400     404     401
api/runs/                                     GET              403    200   403     200     401
api/runs/<id:pk>/                             GET              403    200   403     404     401
api/runs/<id:pk>/cancel/                      POST             403    403   202     404     401
api/runs/<id:pk>/controls/                    GET              403    200   403     404     401
api/runs/<id:pk>/controls/                    POST             403    403   400     404     401
api/runs/<id:pk>/retry/                       POST             403    403   409     404     401
api/runs/<id:pk>/events/                      GET              403    200   403     404     401
api/runs/<id:pk>/budget/                      GET              403    200   403     404     401
api/runs/<id:pk>/model-calls/                 GET              403    200   403     404     401
api/search/                                   GET              403    200   403     200     401
api/tool-executions/<id:pk>/output/           GET              403    200   403     404     401
api/schema/                                   GET              200    200   200     200     200
api/docs/                                     GET              200    200   200     200     200
api/                                          GET              404    404   404     404     404
v1/traces                                     POST             415    403   403     415     401
v1/traces/                                    POST             415    403   403     415     401
v1/metrics                                    GET              404    404   404     404     404
v1/logs                                       GET              404    404   404     404     404
v1/                                           GET              404    404   404     404     404
"""

# What a shared run opens to everybody: its page with what that fetches, and nothing else.
SHARED = {
    "runs/<id:pk>/",
    "runs/<id:pk>/live/",
    "runs/<id:pk>/recording/",
    "runs/<id:pk>/moment/",
    "runs/<id:pk>/tools/<id:execution_id>/output/",
}

# ``open``: the socket is welcomed; a number: it is closed with that code.
SOCKETS = """
route                                         admin operator viewer outsider homeless anonymous superuser

^ws/runs/(?P<run_id>[^/]+)/?$                 open  open     open   4404     4404     4401      open
^ws/mission/?$                                open  open     open   open     open     4401      open
^ws/metrics/?$                                open  4403     4403   open     4403     4401      open
^ws/graph/?$                                  open  open     open   open     open     4401      open
^ws/graph/(?P<crew_id>[^/]+)/?$               open  open     open   4404     4404     4401      open
^ws/live/?$                                   open  open     open   open     open     4401      open
                                              4404  4404     4404   4404     4404     4404      4404
"""
SOCKETS_OF_KEYS = """
route                                         report watch operate foreign revoked

^ws/runs/(?P<run_id>[^/]+)/?$                 4403   open  4403    4404    4401
^ws/mission/?$                                4403   open  4403    open    4401
^ws/metrics/?$                                4403   4403  4403    4403    4401
^ws/graph/?$                                  4403   open  4403    open    4401
^ws/graph/(?P<crew_id>[^/]+)/?$               4403   open  4403    4404    4401
^ws/live/?$                                   open   open  4403    open    4401
                                              4404   4404  4404    4404    4401
"""
SHARED_SOCKETS = {
    r"^ws/runs/(?P<run_id>[^/]+)/?$",
    r"^sse/runs/(?P<run_id>[^/]+)/?$",
    r"^agui/runs/(?P<run_id>[^/]+)/?$",
}

# Event streams, by HTTP status.
EVENT_STREAMS = """
route                                         admin operator viewer outsider homeless anonymous superuser

^sse/runs/(?P<run_id>[^/]+)/?$                200   200      200    404      404      401       200
^sse/graph/(?P<crew_id>[^/]+)/?$              200   200      200    404      404      401       200
^sse/mission/?$                               200   200      200    200      200      401       200
^agui/runs/(?P<run_id>[^/]+)/?$               200   200      200    404      404      401       200
"""
EVENT_STREAMS_OF_KEYS = """
route                                         report watch operate foreign revoked

^sse/runs/(?P<run_id>[^/]+)/?$                403    200   403     404     401
^sse/graph/(?P<crew_id>[^/]+)/?$              403    200   403     404     401
^sse/mission/?$                               403    200   403     200     401
^agui/runs/(?P<run_id>[^/]+)/?$               403    200   403     404     401
"""
