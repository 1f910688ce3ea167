"""Who opens a socket, how long it stays open, and what a client may do with it."""

from tests.guards.guard import guard

AUTH, ACCESS, SOCKET = "realtime/auth.py", "realtime/access.py", "realtime/consumers/socket.py"
BASE = "realtime/consumers/base.py"
REFUSALS = "realtime/tests/sockets/test_refusals.py"
TAKEN_AWAY = "realtime/tests/sockets/test_access_taken_away.py"
FRAMES = "realtime/tests/sockets/test_client_frames.py"
LIMITS = "realtime/tests/sockets/test_limits.py"
MATRIX = "tests/test_access.py::test_sockets_answer_as_the_matrix_says[private-outsider]"
NOBODY = "tests/test_access.py::test_sockets_answer_as_the_matrix_says[private-anonymous]"
SERVER = "realtime/server.py"
FLOODS = "tests/security/test_floods.py::test_a_flood_is_closed_and_nobody_notices"
REMOVED = f"{TAKEN_AWAY}::test_a_removed_member_is_closed_out_within_two_seconds"
CREDENTIAL = "(not grant.active or grant.credential != self.credential)"

SOCKETS = (
    guard(
        "socket: origin",
        *(AUTH, "if any(origin not in settings.ALLOWED_ORIGINS for origin in origins):", "if False:"),
        "tests/security/test_origins.py::test_another_origin_is_refused_whatever_the_credentials"
        "[/ws/mission-cookie]",
    ),
    guard(
        "socket: a cookie needs an origin",
        *(AUTH, "if not origins:", "if False:"),
        f"{REFUSALS}::test_a_session_without_an_origin_counts_for_nothing[/ws/mission]",
    ),
    guard(
        "socket: token check",
        *("crews/tokens.py", "token = kind(text)", "token = kind(text, verify=False)"),
        f"{REFUSALS}::test_a_token_that_does_not_hold[/ws/mission-forged]",
    ),
    guard(
        "socket: a token of a deactivated user",
        *(AUTH, "not (grant.active and grant.credential == self.credential)", "not grant.credential == self.credential"),
        f"{REFUSALS}::test_a_deactivated_users_token[/ws/mission]",
    ),
    guard(
        "socket: a token from before the password changed",
        *(AUTH, "not (grant.active and grant.credential == self.credential)", "not grant.active"),
        f"{REFUSALS}::test_a_token_from_before_the_password_changed[/ws/mission]",
    ),
    guard(
        "socket: the token is not echoed",
        AUTH,
        'return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None',
        'return next(iter(scope.get("subprotocols", ())), None)',
        f"{REFUSALS}::test_the_token_may_stand_first_and_is_never_echoed[/ws/mission]",
    ),
    guard(
        "socket: runs",
        *("realtime/consumers/run.py", "if run is None or not self._readable(grant, run):", "if run is None:"),
        MATRIX,
    ),
    guard(
        "socket: a crew's graph",
        "realtime/consumers/graph.py",
        "if self._crew_id not in grant.crews:\n            raise Refusal(*NOT_FOUND)",
        "if False:\n            raise Refusal(*NOT_FOUND)",
        MATRIX,
    ),
    guard(
        "recheck: at all",
        *(BASE, "self.channel_layer.access.add(self)", "pass"),
        f"{REMOVED}[/ws/runs/{{run}}]",
    ),
    guard(
        "recheck: run",
        "realtime/consumers/run.py",
        'if not self._readable(grant, run):\n            raise Refusal(CloseCode.ACCESS_REMOVED',
        "if False:\n            raise Refusal(CloseCode.ACCESS_REMOVED",
        f"{REMOVED}[/ws/runs/{{run}}]",
    ),
    guard(
        "recheck: a crew's graph",
        "realtime/consumers/graph.py",
        "if self._crew_id not in grant.crews:\n            raise Refusal(CloseCode.ACCESS_REMOVED",
        "if False:\n            raise Refusal(CloseCode.ACCESS_REMOVED",
        f"{REMOVED}[/ws/graph/{{crew}}]",
    ),
    guard(
        "recheck: mission",
        *("realtime/consumers/mission.py", "return set(map(streams.mission, grant.crews))", "return set(self.followers)"),
        f"{TAKEN_AWAY}::test_mission_narrows_to_what_is_left",
    ),
    guard(
        "recheck: a member of nothing any more",
        *(BASE, "if self._was_member and not grant.member:", "if False:"),
        f"{REMOVED}[/ws/mission]",
    ),
    guard(
        "recheck: a run that is shared no more",
        *("realtime/consumers/run.py", "return run.shared or", "return True or"),
        f"{REFUSALS}::test_a_shared_run_opens_its_socket_and_nothing_else",
    ),
    guard(
        "recheck: deactivated user",
        *(BASE, CREDENTIAL, "grant.credential != self.credential"),
        f"{TAKEN_AWAY}::test_a_deactivated_user_or_a_new_password_closes_the_sockets"
        "[/ws/mission-deactivated]",
    ),
    guard(
        "recheck: password",
        *(BASE, CREDENTIAL, "not grant.active"),
        f"{TAKEN_AWAY}::test_a_deactivated_user_or_a_new_password_closes_the_sockets"
        "[/ws/mission-password]",
    ),
    guard(
        "recheck: end of the session",
        *(ACCESS, "signed_out=watcher.session_key not in going_on", "signed_out=False"),
        f"{TAKEN_AWAY}::test_the_end_of_a_session_closes_its_sockets_and_no_others"
        "[/ws/mission-signed out]",
    ),
    guard(
        "recheck: expiry of the session",
        *(ACCESS, "pk__in=session_keys, expire_date__gt=timezone.now()", "pk__in=session_keys"),
        f"{TAKEN_AWAY}::test_the_end_of_a_session_closes_its_sockets_and_no_others"
        "[/ws/mission-expired]",
    ),
    guard(
        "recheck: expiry of the token",
        *(ACCESS, "if watcher.expires_at is not None and watcher.expires_at < latest:", "if False:"),
        f"{TAKEN_AWAY}::test_an_expired_token_closes_the_socket[/ws/mission]",
    ),
    guard(
        "socket: a fresh token is of the same user",
        *(SOCKET, "if identity.user_id != self.user_id:", "if False:"),
        f"{TAKEN_AWAY}::test_another_users_token_closes_the_socket[/ws/mission]",
    ),
    guard(
        "socket: rate of messages",
        *(SOCKET, "if not self._rate.allows():", "if False:"),
        f"{FRAMES}::test_too_many_frames",
    ),
    guard(
        "socket: malformed messages",
        *(SOCKET, "if self._malformed >= MALFORMED_LIMIT:", "if False:"),
        f"{FRAMES}::test_a_malformed_frame_is_answered_and_repeated_closed[no json]",
    ),
    guard(
        "socket: size of a message",
        "realtime/consumers/inbound.py",
        "if len(text) > FRAME_LIMIT or len(text.encode(errors=\"replace\")) > FRAME_LIMIT:",
        "if False:",
        "realtime/tests/test_inbound.py::test_a_frame_that_is_too_large_is_malformed",
    ),
    guard(
        "connections: address",
        *(SOCKET, 'self._take_place("address", counted(host), settings.SOCKETS_PER_ADDRESS)', "pass"),
        f"{LIMITS}::test_an_address_gets_so_many_signed_in_or_not",
    ),
    guard(
        "connections: user",
        *(SOCKET, 'self._take_place("user", str(self.user_id), settings.SOCKETS_PER_USER)', "pass"),
        f"{LIMITS}::test_a_user_gets_so_many_and_another_user_is_not_concerned[/ws/mission]",
    ),
    guard(
        "connections: process",
        *("realtime/places.py", "if self._sockets >= most():", "if False:"),
        f"{LIMITS}::test_a_process_gets_so_many",
    ),
    guard(
        "connections: processes together",
        *("realtime/places.py", "self._own[holder] + sum(others)", "self._own[holder]"),
        f"{LIMITS}::test_processes_count_together_and_forget_one_that_died",
    ),
    guard(
        "connections: an address is believed from trusted proxies alone",
        *("crewops/web.py", "settings.TRUSTED_PROXIES", '"*"'),
        f"{LIMITS}::test_the_address_is_believed_from_a_trusted_proxy_only",
    ),
    guard(
        "socket: nobody signed in to a crew's graph",
        "realtime/consumers/graph.py",
        "        if self.user_id is None:\n            raise Refusal(*UNAUTHENTICATED)\n",
        "",
        NOBODY,
    ),
    guard(
        "socket: nobody signed in to mission",
        "realtime/consumers/mission.py",
        "        if self.user_id is None:\n            raise Refusal(*UNAUTHENTICATED)\n",
        "",
        NOBODY,
    ),
    guard(
        "recheck: of each user for himself",
        *(ACCESS, "of_organization if user.pk in everywhere else organizations[user.pk]", "of_organization"),
        "realtime/tests/sockets/test_graph_and_mission.py::test_who_watches_beside_others_gets_nobody_elses_crews",
    ),
    guard(
        "recheck: a run that is gone",
        *("realtime/consumers/run.py", "if run is None:  # it was deleted", "if False:"),
        "realtime/tests/sockets/test_deleted.py::test_a_deleted_run_is_not_found_within_two_seconds",
    ),
    guard(
        "socket: a fresh token is a text",
        *(SOCKET, "if not isinstance(token, str):", "if False:"),
        f"{FRAMES}::test_a_malformed_frame_is_answered_and_repeated_closed[{{'type': 'auth'}}]",
    ),
    guard(
        "socket: messages are text",
        *("realtime/consumers/inbound.py", "if text is None:", "if False:"),
        f"{FRAMES}::test_a_malformed_frame_is_answered_and_repeated_closed[b'bytes']",
    ),
    guard(
        "socket: messages are objects with a type",
        "realtime/consumers/inbound.py",
        'if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):',
        "if False:",
        f"{FRAMES}::test_a_malformed_frame_is_answered_and_repeated_closed[[]]",
    ),
    guard(
        "socket: a place in the log is a number",
        *(BASE, "if not since.isascii() or not since.isdigit():", "if False:"),
        f"{FRAMES}::test_a_since_that_is_no_number",
    ),
    guard(
        "socket: pings",
        *(SERVER, "        if not self._control_frames.allows():\n", "        if False:\n"),
        f"{FLOODS}[pings]",
    ),
    guard(
        "socket: pongs",
        *(SERVER, "        if self._control_frames.allows():\n", "        if True:\n"),
        f"{FLOODS}[pongs]",
    ),
    guard(
        "socket: fragments",
        *(SERVER, "if len(self.frames) < FRAGMENTS_LIMIT:", "if True:"),
        f"{FLOODS}[empty fragments]",
    ),
    guard(
        "socket: text is UTF-8",
        *(SERVER, "            except UnicodeDecodeError:", "            except InterruptedError:"),
        "tests/security/test_floods.py::test_what_is_no_frame_closes_without_a_trace[no UTF-8]",
    ),
    guard(
        "socket: compression",
        *("crewops/web.py", '"ws_per_message_deflate": False,', '"ws_per_message_deflate": True,'),
        "tests/security/test_floods.py::test_compression_is_never_accepted",
    ),
)  # fmt: skip
