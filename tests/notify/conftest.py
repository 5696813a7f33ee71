from tests.handoff.conftest import defaults, hands, work

__all__ = ["defaults", "hands", "work"]
