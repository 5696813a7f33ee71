"""Previews shared by the processes of a host: what one has worked out the others read, and while it does they wait.

Kept beside the generation of the snapshot they are of, whose builder sweeps them away with it. Like the snapshot they name no
person. What cannot be read, as its writer was killed, is worked out again.
"""

import fcntl
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from scoring.preview.result import Preview
from scoring.snapshot.reader import Snapshot

KEPT = 32  # of a generation


def shared(snapshot: Snapshot, name: str, make: Callable[[], Preview]) -> Preview:
    """The preview of this name, which says all it depends on, of this snapshot; made here unless another process has."""
    folder = snapshot.folder / f"gen/{snapshot.number:06}/previews"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        file = (folder / f"{name}.json").open("a+b")
    except OSError:  # swept away, or a disk that takes no more
        return make()
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go with the file, also by a process that is killed
        file.seek(0)
        held = read(file.read())
        if held is not None:
            return held
        made = make()
        file.truncate(0)
        file.write(written(made))
    _keep_newest(folder)
    return made


def _keep_newest(folder: Path) -> None:
    """Leave the latest ones: a meeting edits for hours on the same data."""
    with suppress(OSError):  # another process is at it
        for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            path.unlink()


def written(made: Preview) -> bytes:
    """A preview as bytes."""
    return json.dumps(_plain(made)).encode()


def read(data: bytes) -> Preview | None:
    """The preview written in these bytes; None when it is not there, or not all of it."""
    try:
        return cast(Preview, _made(Preview, json.loads(data)))
    except (ValueError, TypeError, KeyError):
        return None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return [_plain(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


@cache
def _parts(kind: Any) -> tuple[Any, ...]:
    """The types of a dataclass's fields."""
    hints = get_type_hints(kind)
    return tuple(hints[one.name] for one in fields(kind))


def _made(kind: Any, value: Any) -> Any:
    """A value of this type from what `_plain` made of it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else _made(next(one for one in parts if one is not NoneType), value)
    if origin is tuple and parts[-1] is Ellipsis:
        return tuple(value) if parts[0] in (int, str) else tuple(_made(parts[0], one) for one in value)
    if origin is tuple:
        return tuple(_made(part, one) for part, one in zip(parts, value, strict=True))
    if origin is dict:
        return {key: _made(parts[1], one) for key, one in value.items()}
    if is_dataclass(kind):
        made = cast(type, kind)
        return made(*(_made(part, one) for part, one in zip(_parts(made), value, strict=True)))
    if kind in (date, datetime):
        return kind.fromisoformat(value)
    assert kind in (int, str, float) or origin is Literal
    return value
