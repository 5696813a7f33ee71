"""Several questions to the database in one round trip: for who answers a single lead, the way there and back is what takes time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db import connection
from psycopg import sql

from leads import clock

T = TypeVar("T")

_TIME = sql.SQL("SELECT coalesce(%s::timestamptz, clock_timestamp())")


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One statement that answers rows, and how they are read."""

    text: sql.Composable
    parameters: Sequence[Any]
    read: Callable[[list[tuple[Any, ...]]], T]


def ask(question: Question[T]) -> T:
    """The answer to one question."""
    answer: T = ask_all(question)[0]
    return answer


def ask_all(*questions: Question[Any]) -> list[Any]:
    """The answers, in order. Within one transaction each statement sees what was committed when it began, as if sent alone."""
    with connection.cursor() as cursor:
        return _answers(cursor, questions)


def ask_in_turn(rounds: Sequence[Sequence[Question[Any]]]) -> Iterator[list[Any]]:
    """The answers of each round, in order; the next round is asked while whoever takes these works on them."""
    if len(rounds) < 2:
        yield from (ask_all(*questions) for questions in rounds)
        return
    connection.ensure_connection()
    session = connection.connection

    def asked(questions: Sequence[Question[Any]]) -> list[Any]:
        with session.cursor() as cursor:
            return _answers(cursor, questions)

    with ThreadPoolExecutor(1) as thread:
        for answers in [thread.submit(asked, questions) for questions in rounds]:
            with connection.wrap_database_errors:
                found = answers.result()
            yield found


def _answers(cursor: Any, questions: Sequence[Question[Any]]) -> list[Any]:
    together = sql.SQL(";\n").join([one.text for one in questions])
    cursor.execute(sql.SQL("{}").format(together), [value for one in questions for value in one.parameters])
    answers = []
    for number, one in enumerate(questions):
        if number:
            cursor.nextset()
        answers.append(one.read(cursor.fetchall()))
    return answers


def the_time() -> Question[datetime]:
    """The portal's clock, at the moment its turn comes among other questions."""
    return Question(_TIME, [clock.held()], lambda rows: rows[0][0].astimezone(UTC))
