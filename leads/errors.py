"""What can go wrong for a person, as small domain errors; pages and the API map them to answers in one place each."""


class AccordError(Exception):
    """Base of all refusals. `code` is stable and documented; `message` is for people, `here` for who sees where it stands."""

    code = "refused"

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = self.here = message
        if code:
            self.code = code


class Conflict(AccordError):
    """Somebody else was faster: what the caller saw is no longer so."""

    code = "conflict"


class NotAllowed(AccordError):
    """The person may not do this."""

    code = "not_allowed"


class NotFound(AccordError):
    """There is no such thing, or the person may not see it."""

    code = "not_found"


class Invalid(AccordError):
    """The input is wrong: `field` names it, `value` is what came, `expected` what would have been right.

    `here` says it to whoever typed it, beside the input itself: the message without the name of where it stands.
    """

    code = "invalid"

    def __init__(
        self, message: str, *, code: str = "", field: str = "", value: object = None, expected: str = "", here: str = ""
    ) -> None:
        super().__init__(message, code=code)
        self.here = here or message
        self.field = field
        self.value = value
        self.expected = expected
