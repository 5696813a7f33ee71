"""How much of a file is taken in, and the one refusal for what is not: it always names what is wrong and where."""

from leads.errors import Invalid

MAX_BYTES = 200 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 2_000
MAX_CELL = 131_072  # characters; also the csv module's own limit, and more than any exporting system allows
MAX_LINE = 4 * 1024 * 1024  # characters between two line ends, so that a file without any cannot fill the memory


class FileRefused(Invalid):
    """The file as a whole cannot be read.

    `code` is stable, `line` is the line of the file where that shows (0: nowhere in particular).
    """

    code = "file_refused"

    def __init__(self, code: str, message: str, *, line: int = 0, expected: str = "") -> None:
        super().__init__(message, code=code, field="file", expected=expected)
        self.line = line
