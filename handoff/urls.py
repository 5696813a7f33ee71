from django.urls import URLPattern, path

from handoff.views import answers, arithmetic, blame, board, calendars, inbox, mail_link, notifications, packet, policies, rejections, work

urlpatterns: list[URLPattern] = [
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/pulse/", inbox.inbox_pulse, name="inbox-pulse"),
    path("handoffs/<int:pk>/", packet.packet, name="handoff-packet"),
    path("handoffs/<int:pk>/row/", answers.row, name="handoff-row"),
    path("handoffs/<int:pk>/accept/", answers.accept, name="handoff-accept"),
    path("handoffs/<int:pk>/reject/", answers.reject, name="handoff-reject"),
    path("handoffs/<int:pk>/undo/", answers.undo, name="handoff-undo"),
    path("handoffs/<int:pk>/attempt/", work.attempt, name="handoff-attempt"),
    path("handoffs/<int:pk>/convert/", work.convert_view, name="handoff-convert"),
    path("handoffs/<int:pk>/win/", work.win, name="handoff-win"),
    path("handoffs/<int:pk>/lose/", work.lose, name="handoff-lose"),
    path("handoffs/<int:pk>/give-up/", work.give_up, name="handoff-give-up"),
    path("handoffs/<int:pk>/pause/", work.pause, name="handoff-pause"),
    path("handoffs/<int:pk>/resume/", work.resume, name="handoff-resume"),
    path("handoffs/<int:pk>/reassign/", work.reassign, name="handoff-reassign"),
    path("handoffs/<int:pk>/withdraw/", work.withdraw, name="handoff-withdraw"),
    path("handoffs/<int:pk>/settle/", work.settle, name="handoff-settle"),
    path("handoffs/<int:pk>/nudge/", board.nudge, name="handoff-nudge"),
    path("board/", board.board, name="sla-board"),
    path("board/pulse/", board.board_pulse, name="sla-board-pulse"),
    path("board/export/", board.board_export, name="sla-board-export"),
    path("board/time/", blame.time_report, name="time-report"),
    path("board/time/export/", blame.time_export, name="time-export"),
    path("board/<int:pk>/reassign/", board.reassign, name="board-reassign"),
    path("board/cover/<int:pk>/", board.rep_cover, name="rep-cover"),
    path("rejections/", rejections.rejection_list, name="rejection-list"),
    path("rejections/export/", rejections.rejection_export, name="rejection-export"),
    path("rejections/review/", rejections.rejection_review, name="rejection-review"),
    path("rejections/undo/", rejections.rejection_undo, name="rejection-undo"),
    path("rejections/<int:pk>/lines/", rejections.rejection_lines, name="rejection-lines"),
    path("handoffs/<int:pk>/clocks/<int:timer_id>/", arithmetic.clock_arithmetic, name="handoff-clock"),
    path("calendars/arithmetic/", arithmetic.arithmetic, name="arithmetic"),
    path("calendars/<int:pk>/holidays/", calendars.calendar_holidays, name="calendar-holidays"),
    path("policies/", policies.policies, name="policy-order"),
    path("policies/move/", policies.policy_move, name="policy-move"),
    path("policies/switch/", policies.policy_switch, name="policy-switch"),
    path("policies/<slug:key>/replan/", policies.policy_replan, name="policy-replan"),
    path("notifications/", notifications.notification_list, name="notification-list"),
    path("notifications/seen/", notifications.notifications_seen, name="notification-seen"),
]

# For whoever holds a link of a mail, signed in or not.
open_urlpatterns: list[URLPattern] = [path("answer/<str:token>/", mail_link.answer, name="answer-by-mail")]
