"""What models can compete in."""

from enum import Enum

__all__ = ["OlympicEvent"]


class OlympicEvent(Enum):
    """What a competition looks at.

    Example:
        >>> OlympicEvent.LATENCY_SPRINT.value
        'latency_sprint'
    """

    LATENCY_SPRINT = "latency_sprint"
    MEMORY_CHALLENGE = "memory_challenge"
    ACCURACY_CONTEST = "accuracy_contest"
    ALL_AROUND = "all_around"
    EXTREME_PUSH = "extreme_push"
