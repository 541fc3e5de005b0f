"""How messages travel: Celery's settings, the same for those who send and those who work."""

from __future__ import annotations

from typing import Any

from celery import Celery

#: Seconds until somebody else gets what a dead worker held. A task's pause and its run together are shorter.
VISIBILITY = 30
TASK_LIMIT = 15
LONGEST_PAUSE = 10

_PREFIX = "guiche:"
_CONNECT = 0.5
_ANSWER = 2.0


def make_app(redis_url: str) -> Celery:
    """An application without tasks that sends to, or works from, the queue in Redis."""
    app = Celery("guiche", broker=redis_url, backend=redis_url, set_as_current=False)
    app.conf.update(_settings())
    return app


def _settings() -> dict[str, Any]:
    return {
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "default",
        "task_ignore_result": True,
        "result_expires": 3600,
        "enable_utc": True,
        # A message is done when its task is done: a worker that dies loses nothing.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_prefetch_multiplier": 1,
        "task_soft_time_limit": TASK_LIMIT - 3,
        "task_time_limit": TASK_LIMIT,
        "worker_soft_shutdown_timeout": 0,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "global_keyprefix": _PREFIX,
            "visibility_timeout": VISIBILITY,
            # Look for what dead workers held every 5 s; kombu's own values add up to 100 s.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": _CONNECT,
        },
        "result_backend_transport_options": {"global_keyprefix": _PREFIX},
        "redis_socket_connect_timeout": _CONNECT,
        "redis_socket_timeout": _ANSWER,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # Few entries, no history worth keeping: a schedule in memory needs no file.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": 5,
    }
