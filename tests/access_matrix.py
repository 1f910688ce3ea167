"""Who gets which answer from every route and method, and from every socket.

``login`` is a redirect to the sign-in page; a route's other methods are refused to everybody. The
people are two organizations' and nobody's: a member in each role, an outsider (an admin of the other
organization), somebody signed in without any organization, nobody signed in, and a superuser.
"""

# fmt: off
PEOPLE = ("admin", "operator", "viewer", "outsider", "homeless", "anonymous", "superuser")

HTTP = """
route                                         method           admin operator viewer outsider homeless anonymous superuser

api/token/                                    POST             400   400      400    400      400      400       400
api/token/refresh/                            POST             400   400      400    400      400      400       400
api/token/revoke/                             POST             400   400      400    400      400      400       400
api/crews/                                    GET              200   200      200    200      200      401       200
api/crews/<id:pk>/                            GET              200   200      200    404      404      401       200
api/crews/<id:pk>/runs/                       POST             201   201      403    404      404      401       201
api/crews/<id:pk>/events/                     GET              200   200      200    404      404      401       200
api/organizations/<slug:slug>/audit/          GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/secrets/        GET              200   403      403    404      404      401       200
api/organizations/<slug:slug>/secrets/        POST             400   403      403    404      404      401       400
api/organizations/<slug:slug>/secrets/<slug:name>/ GET         200   403      403    404      404      401       200
api/organizations/<slug:slug>/secrets/<slug:name>/ PUT         400   403      403    404      404      401       400
api/organizations/<slug:slug>/secrets/<slug:name>/ DELETE      204   403      403    404      404      401       204
api/runs/                                     GET              200   200      200    200      200      401       200
api/runs/<id:pk>/                             GET              200   200      200    404      404      401       200
api/runs/<id:pk>/cancel/                      POST             202   202      403    404      404      401       202
api/runs/<id:pk>/retry/                       POST             409   409      403    404      404      401       409
api/runs/<id:pk>/events/                      GET              200   200      200    404      404      401       200
api/tool-executions/<id:pk>/output/           GET              200   200      200    404      404      401       200
api/schema/                                   GET              200   200      200    200      200      200       200
api/docs/                                     GET              200   200      200    200      200      200       200
api/                                          GET              404   404      404    404      404      404       404
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
crews/<id:pk>/                                GET              200   200      200    404      404      login     200
crews/<id:pk>/runs/                           POST             302   302      403    404      404      login     302
runs/                                         GET              200   200      200    200      200      login     200
runs/progress/                                GET              200   200      200    200      200      login     200
runs/<id:pk>/                                 GET              200   200      200    404      404      login     200
runs/<id:pk>/live/                            GET              200   200      200    404      404      404       200
runs/<id:pk>/tools/<id:execution_id>/output/  GET              200   200      200    404      404      404       200
runs/<id:pk>/cancel/                          POST             302   302      403    404      404      login     302
runs/<id:pk>/retry/                           POST             302   302      403    404      404      login     302
runs/<id:pk>/share/                           POST             302   403      403    404      404      login     302
"""

# What a shared run opens to everybody: its page with what that fetches, and nothing else.
SHARED = {
    "runs/<id:pk>/",
    "runs/<id:pk>/live/",
    "runs/<id:pk>/tools/<id:execution_id>/output/",
}

# ``open``: the socket is welcomed; a number: it is closed with that code.
SOCKETS = """
route                                         admin operator viewer outsider homeless anonymous superuser

^ws/runs/(?P<run_id>[^/]+)/?$                 open  open     open   4404     4404     4401      open
^ws/mission/?$                                open  open     open   open     open     4401      open
^ws/graph/?$                                  open  open     open   open     open     4401      open
^ws/graph/(?P<crew_id>[^/]+)/?$               open  open     open   4404     4404     4401      open
                                              4404  4404     4404   4404     4404     4404      4404
"""
SHARED_SOCKETS = {r"^ws/runs/(?P<run_id>[^/]+)/?$"}
